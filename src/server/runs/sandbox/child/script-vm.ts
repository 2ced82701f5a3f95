import { EvalFlags, JSException, type JSValueHandle } from 'quickjs-wasi'
import * as v from 'valibot'
import type { Engine } from './quickjs-engine.ts'
import { createMeter } from './vm-time-meter.ts'
import type { PipelineContext } from '../child-protocol.ts'

export interface VmHost {
  log(stream: 'stdout' | 'stderr', text: string): void
  /** Sends a call off; its answer comes back through `settle`. */
  call(id: number, method: string, json: string): void
  /** Sends a call off and waits; undefined when no answer can come any more. */
  callSync(id: number, method: string, json: string): Answer | undefined
  /** The answer to this call is of no use any more. */
  drop(id: number): void
  /** A stack of the engine's in places of the source, for the script to read. */
  stack(raw: string): string
}

/** What the server says to call `id`. */
export interface Answer {
  id: number
  ok: boolean
  json: string
  /** Milliseconds since 1970. */
  now: number
}

/** What one run's script is given beside its limits: with the answers, all that decides what it does. */
export interface World {
  context: PipelineContext
  request?: unknown
  /** 32 hexadecimal digits. */
  seed: string
  /** Milliseconds since 1970. */
  now: number
}

/** What went wrong, with the VM's stack as `VmHost.stack` gives it. */
export interface VmFailure {
  message: string
  stack: string
  /** All that is to be said of it, of several lines, where that is more than the message and its place. */
  report?: string | undefined
}

export interface Vm {
  /** Compiles without running anything. */
  compile(code: string, filename: string): VmFailure | undefined
  start(code: string, filename: string): void
  settle(answer: Answer): void
  /**
   * Calls without an answer. While there is none and the script is not done, nothing can wake it again. Timers do
   * not count once it is done: what nobody waits for does not keep it going.
   */
  outstanding(): number
  state(): 'running' | 'done' | VmFailure
}

/** A VM that has ever held this part of its limit may have run out of it: its memory never shrinks. */
const FULL = 0.75

const described = v.object({ message: v.string(), stack: v.string(), report: v.optional(v.string()) })

/** The VM of one script, in which nothing but the prelude's calls leads out. @param engine nobody else's, ever */
export function createVm(engine: Engine, host: VmHost, given: World): Vm {
  const { vm, limits } = engine
  const meter = createMeter(limits.cpuMs)
  let { now } = given
  engine.own({ seed: given.seed, now: () => now, isSpent: meter.isSpent, onUnhandledRejection })
  const unhandled = new Map<number, JSValueHandle>()
  const calls = new Set<number>()
  /** Those of `calls` that are. */
  const timers = new Set<number>()
  let lastCall = 0
  let state: 'running' | 'done' | VmFailure = 'running'

  const tools = engine.prelude.consume((make) => {
    const bridge = vm.newObject()
    for (const [name, act] of Object.entries({ log, call, callSync, drop, done, failed })) {
      bridge.setProp(name, vm.newFunction(name, outside(act)))
    }
    // Not `outside`: this is the script's own time, or it would have a way to spend ours.
    bridge.setProp(
      'stack',
      vm.newFunction('stack', (raw) => vm.newString(host.stack(raw.toString()))),
    )
    const { context, request, seed } = given
    const setup = vm.newString(JSON.stringify({ context, request, seed }))
    const made = vm.callFunction(make, vm.undefined, bridge, engine.makers, setup)
    return {
      describe: made.getProp('describe'),
      start: made.getProp('start'),
      settle: made.getProp('settle'),
    }
  })

  function outstanding(): number {
    return state === 'done' ? calls.size - timers.size : calls.size
  }
  function log(stream: JSValueHandle, text: JSValueHandle): JSValueHandle {
    host.log(stream.toString() === 'stderr' ? 'stderr' : 'stdout', text.toString())
    return vm.undefined
  }
  function call(method: JSValueHandle, json: JSValueHandle): JSValueHandle {
    lastCall += 1
    calls.add(lastCall)
    const name = method.toString()
    if (name === 'timer') timers.add(lastCall)
    host.call(lastCall, name, json.toString())
    return vm.newNumber(lastCall)
  }
  function callSync(method: JSValueHandle, json: JSValueHandle): JSValueHandle {
    lastCall += 1
    const answer = host.callSync(lastCall, method.toString(), json.toString())
    if (!answer) {
      state = { message: 'the server is gone', stack: '' }
      return vm.newString('-{"message":"the server is gone"}')
    }
    moveClock(answer.now)
    return vm.newString(`${answer.ok ? '+' : '-'}${answer.json}`)
  }
  function drop(id: JSValueHandle): JSValueHandle {
    const number = id.toNumber()
    timers.delete(number)
    if (calls.delete(number)) host.drop(number)
    return vm.undefined
  }
  /** An answer that waited while the script stood still for another one does not turn it back. */
  function moveClock(to: number): void {
    now = Math.max(now, to)
  }
  function done(): JSValueHandle {
    if (state === 'running') state = 'done'
    return vm.undefined
  }
  function failed(json: JSValueHandle): JSValueHandle {
    if (state === 'running') state = parseFailure(json.toString())
    return vm.undefined
  }
  /** Time spent outside is not the script's. */
  function outside(act: (...args: [JSValueHandle, JSValueHandle]) => JSValueHandle) {
    return (first = vm.undefined, second = vm.undefined) => meter.pause(() => act(first, second))
  }
  function onUnhandledRejection(promise: JSValueHandle, reason: JSValueHandle, isHandled: boolean): void {
    if (isHandled) unhandled.delete(promise.identity)
    else unhandled.set(promise.identity, reason.dup())
  }

  /** Enters the VM, and stays until the script has nothing more to do without an answer. */
  function turn(enter: () => void): void {
    if (typeof state === 'object') return
    try {
      meter.run(() => {
        enter()
        while (vm.executePendingJobs() > 0);
      })
      if (state === 'done' && outstanding() === 0) reportUnhandled()
    } catch (error) {
      state = meter.isSpent()
        ? { message: `the script used more than ${limits.cpuMs / 1000} s of processor time`, stack: '' }
        : failureOf(error)
    }
  }

  function reportUnhandled(): void {
    const [reason] = unhandled.values()
    if (!reason) return
    const found = meter.run(() => describe(reason))
    state = { ...found, message: `unhandled rejection: ${found.message}` }
  }

  function describe(thrown: JSValueHandle): VmFailure {
    const json = vm.callFunction(tools.describe, vm.undefined, thrown).consume(String)
    return parseFailure(json)
  }

  /** With no memory left even for an error, the VM throws null. */
  function parseFailure(json: string): VmFailure {
    const found = v.parse(described, JSON.parse(json))
    const isFull = engine.memoryBytes() >= limits.memoryBytes * FULL
    if (!isFull || !/^threw (null|undefined)$/.test(found.message)) return found
    const limit = Number((limits.memoryBytes / (1024 * 1024)).toFixed(1))
    return { message: `the script ran out of memory (limit ${limit} MiB)`, stack: '' }
  }

  function failureOf(error: unknown): VmFailure {
    try {
      if (error instanceof JSException) return meter.run(() => describe(error.handle))
    } catch {
      // No memory left even for that.
    }
    // The VM's own end: it ran out of the stack under it, or of memory in a bad place.
    return { message: 'the script broke its sandbox: it went too deep or grew too large', stack: '' }
  }

  return {
    compile: (code, filename) => {
      try {
        vm.compile(code, filename, EvalFlags.TYPE_MODULE)
        return undefined
      } catch (error) {
        const message = error instanceof Error ? error.message : 'the script cannot be compiled'
        return { message: message.replace(/^Compilation error: /, ''), stack: '' }
      }
    },
    start: (code, filename) =>
      turn(() => {
        const module = vm.evalCode(code, filename, EvalFlags.TYPE_MODULE)
        vm.callFunction(tools.start, vm.undefined, module).dispose()
      }),
    settle: ({ id, ok, json, now: at }) => {
      if (!calls.delete(id)) return
      timers.delete(id)
      moveClock(at)
      turn(() => {
        using number = vm.newNumber(id)
        using value = vm.newString(json)
        vm.callFunction(tools.settle, vm.undefined, number, ok ? vm.true : vm.false, value).dispose()
      })
    },
    outstanding,
    state: () => state,
  }
}

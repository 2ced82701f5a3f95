/** The VM of one script, in which nothing but the host calls of the prelude leads out. */
import { EvalFlags, type JSValueHandle } from 'quickjs-wasi'
import type { PipelineContext } from '../child-protocol.ts'
import { createFailureReader, type VmFailure } from './describe-vm-failure.ts'
import type { Engine } from './quickjs-engine.ts'
import { createMeter } from './vm-time-meter.ts'

export type { VmFailure } from './describe-vm-failure.ts'

export interface VmHost {
  log(stream: 'stdout' | 'stderr', text: string): void
  /** Sends a call; its response comes back through `settle`. */
  call(id: number, method: string, json: string): void
  /** Sends a call and waits; undefined when no response can come any more. */
  callSync(id: number, method: string, json: string): Response | undefined
  /** The response to this call is not needed any more. */
  drop(id: number): void
  /** A stack of the engine, with places in the source, for the script to read. */
  stack(raw: string): string
}

/** The response of the server to call `id`. */
interface Response {
  id: number
  ok: boolean
  json: string
  /** Milliseconds since 1970. */
  now: number
}

/** What the script is given: together with the responses, this decides everything that it does. */
export interface ScriptInputs {
  context: PipelineContext
  request?: unknown
  /** 32 hexadecimal digits. */
  seed: string
  /** Milliseconds since 1970. */
  now: number
}

type VmState = { kind: 'running' } | { kind: 'done' } | { kind: 'failed'; failure: VmFailure }

export interface Vm {
  /** Compiles without running anything. */
  compile(code: string, filename: string): VmFailure | undefined
  start(code: string, filename: string): void
  settle(response: Response): void
  /**
   * The number of calls without a response. While it is 0 and the script is not done, nothing can wake the script
   * again. Timers do not count once it is done: nobody waits for them.
   */
  outstanding(): number
  state(): VmState
}

/** @param engine is used for this script alone */
export function createVm(engine: Engine, host: VmHost, inputs: ScriptInputs): Vm {
  const { vm, limits } = engine
  const meter = createMeter(limits.cpuMs)
  let { now } = inputs
  let state: VmState = { kind: 'running' }
  const calls = createCalls()
  const unhandled = new Map<number, JSValueHandle>()
  engine.own({ seed: inputs.seed, now: () => now, isSpent: meter.isSpent, onUnhandledRejection })
  const prelude = startPrelude(engine, inputs, {
    ...outsideMeter({ log, call, callSync, drop, done, failed }),
    // Inside the meter: this is the script's own time, or the script could spend time that nobody measures.
    stack: (raw) => vm.newString(host.stack(raw.toString())),
  })
  const failures = createFailureReader(engine, meter, prelude.describe)

  function outstanding(): number {
    return calls.count(state.kind !== 'done')
  }
  function log(stream: JSValueHandle, text: JSValueHandle): JSValueHandle {
    host.log(stream.toString() === 'stderr' ? 'stderr' : 'stdout', text.toString())
    return vm.undefined
  }
  function call(method: JSValueHandle, json: JSValueHandle): JSValueHandle {
    const name = method.toString()
    const id = calls.open(name)
    host.call(id, name, json.toString())
    return vm.newNumber(id)
  }
  function callSync(method: JSValueHandle, json: JSValueHandle): JSValueHandle {
    const response = host.callSync(calls.nextId(), method.toString(), json.toString())
    if (!response) {
      state = { kind: 'failed', failure: { message: 'the server is gone', stack: '' } }
      return vm.newString('-{"message":"the server is gone"}')
    }
    moveClock(response.now)
    return vm.newString(`${response.ok ? '+' : '-'}${response.json}`)
  }
  function drop(handle: JSValueHandle): JSValueHandle {
    const id = handle.toNumber()
    if (calls.close(id)) host.drop(id)
    return vm.undefined
  }
  /** A response that waited during a synchronous call does not turn the clock back. */
  function moveClock(to: number): void {
    now = Math.max(now, to)
  }
  function done(): JSValueHandle {
    if (state.kind === 'running') state = { kind: 'done' }
    return vm.undefined
  }
  function failed(json: JSValueHandle): JSValueHandle {
    if (state.kind === 'running') state = { kind: 'failed', failure: failures.ofDescription(json.toString()) }
    return vm.undefined
  }
  /** The time that the server takes is not the script's. */
  function outsideMeter(functions: Record<string, HostFunction>): Record<string, HostFunction> {
    return Object.fromEntries(
      Object.entries(functions).map(([name, act]): [string, HostFunction] => [
        name,
        (first, second) => meter.pause(() => act(first, second)),
      ]),
    )
  }
  function onUnhandledRejection(promise: JSValueHandle, reason: JSValueHandle, isHandled: boolean): void {
    if (isHandled) unhandled.delete(promise.identity)
    else unhandled.set(promise.identity, reason.dup())
  }

  /** Enters the VM, and returns when the script can do nothing more without a response. */
  function runJobs(enter: () => void): void {
    if (state.kind === 'failed') return
    try {
      meter.run(() => {
        enter()
        while (vm.executePendingJobs() > 0);
      })
      if (state.kind === 'done' && outstanding() === 0) {
        reportUnhandled()
        reportOverlooked()
      }
    } catch (error) {
      state = { kind: 'failed', failure: failures.ofError(error) }
    }
  }

  function reportUnhandled(): void {
    const [reason] = unhandled.values()
    if (!reason) return
    const found = meter.run(() => failures.ofThrown(reason))
    state = { kind: 'failed', failure: { ...found, message: `unhandled rejection: ${found.message}` } }
  }

  /** At the very end: a result that nobody waited for counts as well. */
  function reportOverlooked(): void {
    if (state.kind !== 'done') return
    const found = meter.run(() => vm.callFunction(prelude.overlooked, vm.undefined).consume(String))
    if (found !== 'undefined') state = { kind: 'failed', failure: failures.ofDescription(found) }
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
      runJobs(() => {
        const module = vm.evalCode(code, filename, EvalFlags.TYPE_MODULE)
        vm.callFunction(prelude.start, vm.undefined, module).dispose()
      }),
    settle: ({ id, ok, json, now: at }) => {
      if (!calls.close(id)) return
      moveClock(at)
      runJobs(() => {
        using number = vm.newNumber(id)
        using value = vm.newString(json)
        vm.callFunction(prelude.settle, vm.undefined, number, ok ? vm.true : vm.false, value).dispose()
      })
    },
    outstanding,
    state: () => state,
  }
}

type HostFunction = (first: JSValueHandle, second: JSValueHandle) => JSValueHandle

/** Runs prelude.js in the VM, which gives the script its globals. @param functions the only ways out of the VM */
function startPrelude(
  { vm, prelude, makers }: Engine,
  { context, request, seed }: ScriptInputs,
  functions: Record<string, HostFunction>,
) {
  return prelude.consume((make) => {
    const bridge = vm.newObject()
    for (const [name, act] of Object.entries(functions)) {
      bridge.setProp(
        name,
        vm.newFunction(name, (first = vm.undefined, second = vm.undefined) => act(first, second)),
      )
    }
    const setup = vm.newString(JSON.stringify({ context, request, seed }))
    const created = vm.callFunction(make, vm.undefined, bridge, makers, setup)
    return {
      describe: created.getProp('describe'),
      overlooked: created.getProp('overlooked'),
      start: created.getProp('start'),
      settle: created.getProp('settle'),
    }
  })
}

/** The calls of the script that have no response yet, numbered 1, 2, 3 … */
function createCalls() {
  const open = new Set<number>()
  const timers = new Set<number>()
  let last = 0
  return {
    nextId: () => ++last,
    open: (method: string): number => {
      last += 1
      open.add(last)
      if (method === 'timer') timers.add(last)
      return last
    },
    /** @returns whether the call was open */
    close: (id: number): boolean => {
      timers.delete(id)
      return open.delete(id)
    },
    count: (withTimers: boolean): number => (withTimers ? open.size : open.size - timers.size),
  }
}

import { prepareEngine } from './quickjs-engine.ts'
import {
  LOG_PIECE_LENGTH,
  type ParentMessage,
  type PipelineContext,
  type ScriptError,
} from '../child-protocol.ts'
import { openPort, type Port } from './blocking-pipe.ts'
import { createPositions, frameOf } from '../source/source-positions.ts'
import { noFunction, position, prepare } from '../source/prepare-script.ts'
import { createVm, type Vm, type VmFailure, type VmHost, type World } from './script-vm.ts'

/** The VM that waits for a script, given to it. */
type EnterVm = (host: VmHost, world: World) => Vm

interface Script {
  source: string
  filename: string
}

const NOBODY: PipelineContext = {
  runID: '',
  pipelineID: '',
  pipeline: '',
  driver: '',
  triggeredBy: '',
  args: [],
  task: null,
  tenant: '',
}
const NOWHERE: World = { context: NOBODY, request: undefined, seed: '0'.repeat(32), now: 0 }

/** In the words of ../script-globals/prelude.js: what has no line of a stack to be found by. */
const NO_FUNCTION_MESSAGE = 'TypeError: the export "pipeline" is not a function'

type Start = ParentMessage & { type: 'run' }
type Answer = ParentMessage & { type: 'answer' }

/**
 * The whole life of a sandbox process, started by the server as the hidden command `__sandbox`: takes one
 * script on its standard input, checks or runs it, says how it ended, and returns. It has no environment, and
 * the script in its VM can reach nothing but the server's answers.
 */
export async function runSandboxChild(): Promise<void> {
  const port = openPort()
  const before = port.read()
  if (before?.type !== 'prepare') return
  // All that needs nothing of the script, which can be long in coming.
  const engine = await prepareEngine(before.limits)
  const enter: EnterVm = (host, world) => createVm(engine, host, world)
  port.write({ type: 'ready' })
  const first = port.read()
  if (first?.type !== 'run' && first?.type !== 'check') return
  const prepared = prepare(first.source, first.filename)
  const error =
    'error' in prepared
      ? prepared.error
      : first.type === 'check'
        ? compile(enter, first, prepared.code)
        : run(port, enter, first, prepared.code)
  port.write(error ? { type: 'failed', error } : { type: 'done' })
}

function compile(enter: EnterVm, script: Script, code: string): ScriptError | undefined {
  const host = { log: () => {}, call: () => {}, callSync: () => undefined, drop: () => {}, stack: () => '' }
  const vm = enter(host, NOWHERE)
  const failure = vm.compile(code, script.filename)
  return failure && locate(script, failure)
}

function run(port: Port, enter: EnterVm, script: Start, code: string): ScriptError | undefined {
  const inbox = createInbox(port)
  const log = (stream: 'stdout' | 'stderr', text: string) => {
    for (const data of pieces(text)) port.write({ type: 'log', stream, data })
  }
  const call = (id: number, method: string, json: string) =>
    port.write({ type: 'call', id, method, json, sync: false })
  const callSync = (id: number, method: string, json: string) => {
    port.write({ type: 'call', id, method, json, sync: true })
    return inbox.waitFor(id)
  }
  const drop = (id: number) => port.write({ type: 'drop', id })
  const { stack } = createPositions({ ...script, code })
  const vm = enter({ log, call, callSync, drop, stack }, script)
  vm.start(code, script.filename)
  const failure = serve({ port, inbox, vm })
  if (failure?.report !== undefined) log('stderr', `${failure.report}\n`)
  if (failure?.message === NO_FUNCTION_MESSAGE) return noFunction(script.source)
  return failure && locate(script, failure)
}

/** Answers in the order in which they came, but for those that the script stands still for. */
interface Inbox {
  next(): Answer | undefined
  waitFor(id: number): Answer | undefined
  /** How many messages have been handled, when nothing waits; else undefined. */
  handled(): number | undefined
}

function createInbox(port: Port): Inbox {
  const early: Answer[] = []
  // The script itself came first.
  let taken = 1

  function read(): Answer | undefined {
    const message = port.read()
    if (message?.type !== 'answer') return undefined
    taken += 1
    return message
  }

  function waitFor(id: number): Answer | undefined {
    for (let answer = read(); answer; answer = read()) {
      if (answer.id === id) return answer
      early.push(answer)
    }
    return undefined
  }

  const handled = () => (early.length === 0 ? taken : undefined)
  return { next: () => early.shift() ?? read(), waitFor, handled }
}

interface Serving {
  port: Port
  inbox: Inbox
  vm: Vm
}

/** Takes answers until the script has ended. */
function serve({ port, inbox, vm }: Serving): VmFailure | undefined {
  for (;;) {
    const state = vm.state()
    if (typeof state === 'object') return state
    if (vm.outstanding() === 0) {
      return state === 'done'
        ? undefined
        : { message: 'the script waits for something that can never happen: nothing is running', stack: '' }
    }
    const handled = inbox.handled()
    if (handled !== undefined) port.write({ type: 'idle', handled })
    const answer = inbox.next()
    // Without a server there is nobody left to tell.
    if (!answer) return { message: 'the server is gone', stack: '' }
    vm.settle(answer)
  }
}

/** Finds the first line of the stack that is the script's. */
function locate({ source, filename }: Script, { message, stack }: VmFailure): ScriptError {
  for (const frame of stack.split('\n')) {
    const place = frameOf(frame, filename)
    if (!place) continue
    const text = source.split('\n')[place.line - 1]
    if (text === undefined) break
    if (place.column === undefined) return { message, line: place.line }
    return { message, ...position(place.line, place.column, text) }
  }
  return { message }
}

/** Cut so that no character is split. */
function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + LOG_PIECE_LENGTH)
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1
    yield text.slice(at, end)
    at = end
  }
}

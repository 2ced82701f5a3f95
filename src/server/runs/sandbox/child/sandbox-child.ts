/** The child process of a script: takes one script from the server, checks or runs it, and reports how it ended. */
import { prepareEngine } from './quickjs-engine.ts'
import {
  type ChildMessage,
  errorText,
  LOG_PIECE_LENGTH,
  type ParentMessage,
  type PipelineContext,
  type ScriptError,
} from '../child-protocol.ts'
import { openPort, type Port } from './blocking-pipe.ts'
import { createPositions, frameOf } from '../source/map-positions-to-source.ts'
import { noFunction, position, prepare } from '../source/prepare-script.ts'
import { createVm, type ScriptInputs, type Vm, type VmFailure, type VmHost } from './script-vm.ts'

/** Creates the VM of the script in the prepared engine. */
type EnterVm = (host: VmHost, inputs: ScriptInputs) => Vm

interface Script {
  source: string
  filename: string
}

const NO_CONTEXT: PipelineContext = {
  runID: '',
  pipelineID: '',
  pipeline: '',
  driver: '',
  triggeredBy: '',
  args: [],
  task: null,
  tenant: '',
}
/** For a script that is only compiled. */
const NO_INPUTS: ScriptInputs = { context: NO_CONTEXT, request: undefined, seed: '0'.repeat(32), now: 0 }

type Check = ParentMessage & { type: 'check' }
type Start = ParentMessage & { type: 'run' }
type Response = ParentMessage & { type: 'response' }

/**
 * The whole life of a sandbox process, which the server starts as the hidden command `__sandbox`: takes one script on
 * its standard input, checks or runs it, reports how it ended, and returns. It has no environment, and the script in
 * its VM can reach nothing but the responses of the server.
 */
export async function runSandboxChild(): Promise<void> {
  const port = openPort()
  const before = port.read()
  if (before?.type !== 'prepare') return
  // Prepared before the script is known, which may come much later.
  const engine = await prepareEngine(before.limits)
  const enter: EnterVm = (host, inputs) => createVm(engine, host, inputs)
  port.write({ type: 'ready' })
  const first = port.read()
  if (first?.type !== 'run' && first?.type !== 'check') return
  const prepared = prepare(first.source, first.filename)
  if (prepared.kind === 'refused') return port.write({ type: 'failed', error: prepared.error })
  port.write(perform(port, enter, first, prepared.code))
}

/** How the script ended. */
type End = ChildMessage & { type: 'done' | 'failed' | 'overlooked' }

function perform(port: Port, enter: EnterVm, script: Check | Start, code: string): End {
  if (script.type === 'run') return run(port, enter, script, code)
  const error = compile(enter, script, code)
  return error ? { type: 'failed', error } : { type: 'done' }
}

function compile(enter: EnterVm, script: Script, code: string): ScriptError | undefined {
  const host = { log: () => {}, call: () => {}, callSync: () => undefined, drop: () => {}, stack: () => '' }
  const vm = enter(host, NO_INPUTS)
  const failure = vm.compile(code, script.filename)
  return failure && locate(script, failure)
}

function run(port: Port, enter: EnterVm, script: Start, code: string): End {
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
  if (!failure) return { type: 'done' }
  if (failure.report !== undefined) log('stderr', `${failure.report}\n`)
  if (failure.reason === 'no_function') return { type: 'failed', error: noFunction(script.source) }
  const error = locate(script, failure)
  if (failure.reason !== 'overlooked') return { type: 'failed', error }
  log('stderr', `${errorText(script.filename, { ...error, message: HOW_TO_LOOK })}\n`)
  return { type: 'overlooked', message: failure.message }
}

const HOW_TO_LOOK =
  'read "code" or "status" of the result, or write "allowFailure: true" where the failure is meant'

/** Responses in the order of their arrival, but for those to synchronous calls. */
interface Inbox {
  next(): Response | undefined
  waitFor(id: number): Response | undefined
  /** How many messages have been handled, when none waits; else undefined. */
  handled(): number | undefined
}

function createInbox(port: Port): Inbox {
  const early: Response[] = []
  // The first message was the script itself.
  let received = 1

  function read(): Response | undefined {
    const message = port.read()
    if (message?.type !== 'response') return undefined
    received += 1
    return message
  }

  function waitFor(id: number): Response | undefined {
    for (let response = read(); response; response = read()) {
      if (response.id === id) return response
      early.push(response)
    }
    return undefined
  }

  const handled = () => (early.length === 0 ? received : undefined)
  return { next: () => early.shift() ?? read(), waitFor, handled }
}

interface Serving {
  port: Port
  inbox: Inbox
  vm: Vm
}

/** Delivers responses until the script has ended. */
function serve({ port, inbox, vm }: Serving): VmFailure | undefined {
  for (;;) {
    const state = vm.state()
    if (state.kind === 'failed') return state.failure
    if (vm.outstanding() === 0) {
      return state.kind === 'done'
        ? undefined
        : { message: 'the script waits for something that can never happen: nothing is running', stack: '' }
    }
    const handled = inbox.handled()
    if (handled !== undefined) port.write({ type: 'idle', handled })
    const response = inbox.next()
    if (!response) return { message: 'the server is gone', stack: '' }
    vm.settle(response)
  }
}

/** Finds the first line of the stack that is in the script. */
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

/** No character is split. */
function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + LOG_PIECE_LENGTH)
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1
    yield text.slice(at, end)
    at = end
  }
}

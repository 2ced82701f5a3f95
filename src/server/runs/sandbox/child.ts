import { LOG_PIECE_LENGTH, type PipelineContext, type ScriptError } from './protocol.ts'
import { openPort, type Port } from './port.ts'
import { sourcePosition } from './positions.ts'
import { position, prepare } from './source.ts'
import type { Vm, VmFailure, VmLimits } from './vm.ts'

interface Script {
  source: string
  filename: string
  limits: VmLimits
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

/**
 * The whole life of a sandbox process, started by the server as the hidden command `__sandbox`: takes one
 * script on its standard input, checks or runs it, says how it ended, and returns. It has no environment, and
 * the script in its VM can reach nothing but the server's answers.
 */
export async function runSandboxChild(): Promise<void> {
  const port = openPort()
  port.write({ type: 'ready' })
  const first = port.read()
  if (!first || first.type === 'answer') return
  const prepared = prepare(first.source, first.filename)
  const error =
    'error' in prepared
      ? prepared.error
      : first.type === 'check'
        ? await compile(first, prepared.code)
        : await run(port, first, prepared.code, first.context)
  port.write(error ? { type: 'failed', error } : { type: 'done' })
}

async function compile(script: Script, code: string): Promise<ScriptError | undefined> {
  const { createVm } = await import('./vm.ts')
  const vm = await createVm({ log: () => {}, call: () => {} }, script.limits, NOBODY)
  const failure = vm.compile(code, script.filename)
  return failure && locate(script, code, failure)
}

async function run(
  port: Port,
  script: Script,
  code: string,
  context: PipelineContext,
): Promise<ScriptError | undefined> {
  const { createVm } = await import('./vm.ts')
  const log = (stream: 'stdout' | 'stderr', text: string) => {
    for (const data of pieces(text)) port.write({ type: 'log', stream, data })
  }
  const call = (id: number, method: string, json: string) => port.write({ type: 'call', id, method, json })
  const vm = await createVm({ log, call }, script.limits, context)
  vm.start(code, script.filename)
  return serve(port, script, code, vm)
}

/** Takes answers until the script has ended. */
function serve(port: Port, script: Script, code: string, vm: Vm): ScriptError | undefined {
  for (let handled = 1; ; handled++) {
    const state = vm.state()
    if (typeof state === 'object') return locate(script, code, state)
    if (vm.outstanding() === 0) {
      return state === 'done'
        ? undefined
        : { message: 'the script waits for something that can never happen: nothing is running' }
    }
    port.write({ type: 'idle', handled })
    const message = port.read()
    // Without a server there is nobody left to tell.
    if (!message) return { message: 'the server is gone' }
    if (message.type === 'answer') vm.settle(message.id, message.ok, message.json)
  }
}

/** Finds the first line of the VM's stack that is the script's, and its place in the source as written. */
function locate({ source, filename }: Script, code: string, failure: VmFailure): ScriptError {
  const { message } = failure
  for (const frame of failure.stack.split('\n')) {
    const name = frame.lastIndexOf(`${filename}:`)
    const numbers = name < 0 ? null : /^(\d+):(\d+)\)?$/.exec(frame.slice(name + filename.length + 1))
    if (!numbers) continue
    const found = sourcePosition(source, code, { line: Number(numbers[1]), column: Number(numbers[2]) })
    const text = found && source.split('\n')[found.line - 1]
    if (!found || text === undefined) break
    if (found.column !== undefined) return { message, ...position(found.line, found.column, text) }
    return { message, line: found.line }
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

/**
 * Owns: the child process in which the script of a pipeline runs, from its start to its end.
 * Refuses: to trust it. What it sends is checked and bounded, its time and memory are watched from outside, and it
 * inherits nothing: no environment, no terminal, no open file but its three pipes.
 */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { killGroup } from '../signal-process-group.ts'
import { pump } from '../tasks/read-process-output.ts'
import { createLines } from './split-bytes-into-lines.ts'
import type { SandboxProcess } from './prestarted-child-processes.ts'
import {
  childMessage,
  errorText,
  type ChildMessage,
  MAX_LINE_BYTES,
  type ParentMessage,
  type PipelineContext,
  type SandboxLimits,
  type ScriptError,
} from './child-protocol.ts'
import { watchChild } from './resource-watchdog.ts'

/**
 * How the script ended. An aborted script counts as failed. `overlooked`: it ended without looking at tasks that failed.
 * `killed`: its process was killed, and not by the server.
 */
export type Outcome =
  | { kind: 'done' }
  | { kind: 'failed'; error: ScriptError }
  | { kind: 'overlooked'; message: string }
  | { kind: 'killed' }

/** What the script can ask of the server. */
export interface ScriptHost {
  /** Nothing more is read from the script until this resolves. */
  log(stream: 'stdout' | 'stderr', data: string): Promise<void>
  /** Responses are delivered in the order in which `respond` is called, once for each call. */
  call(call: ScriptCall, respond: (response: CallResponse) => void): void
  /** The script no longer waits for this call. */
  drop(number: number): void
  /** It has handled all responses so far and can do nothing without another one. */
  idle(): void
}

export interface ScriptCall {
  /** 1, 2, 3 … */
  number: number
  method: string
  /** The parameters. */
  json: string
  /** The script is blocked until the response comes. */
  sync: boolean
}

export interface CallResponse {
  ok: boolean
  /** The value, or `{message}` where the call failed. */
  json: string
  /** Milliseconds since 1970: what the script's clock says when it gets the response. */
  now: number
}

export interface Script {
  source: string
  filename: string
  context: PipelineContext
  /** The request of the webhook that started the run. */
  request?: unknown
  /** 32 hexadecimal digits. */
  seed: string
  /** Milliseconds since 1970: where the script's clock starts. */
  now: number
}

export interface SandboxOptions {
  /** Gives a process that no script was in. */
  start(): SandboxProcess
  limits: SandboxLimits
  signal: AbortSignal
  /** Is given what a child wrote to its standard error before it crashed. */
  onCrash(stderr: string): void
}

/** What the calls of a script may hold in the server's memory until their responses are sent. */
const MAX_CALL_BYTES = 64 * 1024 * 1024
/** What responses may hold there until the script reads them. */
const MAX_UNREAD_BYTES = 128 * 1024 * 1024

/** Runs a script to its end, which can be hours away. Never throws for what the script does. */
export async function runScript(options: SandboxOptions, script: Script, host: ScriptHost): Promise<Outcome> {
  return await runChild(options, { type: 'run', ...script }, host)
}

/**
 * Parses a script in a child, without running it.
 * @throws Fault `usage` such as `deploy.ts:3:14: unexpected ;`, with the line and a caret as its hint
 */
export async function checkScript(
  options: SandboxOptions,
  script: { source: string; filename: string },
): Promise<void> {
  const host: ScriptHost = { log: async () => {}, call: () => {}, drop: () => {}, idle: () => {} }
  const outcome = await runChild(options, { type: 'check', ...script }, host)
  if (outcome.kind === 'done') return
  if (outcome.kind !== 'failed')
    throw new Fault('failed', 'the script could not be checked: its process was killed')
  throw new Fault('usage', errorText(script.filename, outcome.error), {
    hint: outcome.error.hint ?? excerpt(outcome.error),
  })
}

function excerpt({ text, column }: ScriptError): string | undefined {
  if (text === undefined || column === undefined) return undefined
  return `${text}\n${text.slice(0, column - 1).replaceAll(/[^\t]/g, ' ')}^`
}

async function runChild(options: SandboxOptions, first: ParentMessage, host: ScriptHost): Promise<Outcome> {
  const child = options.start()
  let broken: string | undefined
  const kill = (reason: string) => {
    broken ??= reason
    killGroup(child.pid, 'SIGKILL')
  }
  const onAbort = () => kill('the script was stopped')
  options.signal.addEventListener('abort', onAbort, { once: true })
  if (options.signal.aborted) onAbort()
  const watchdog = watchChild(child.pid, options.limits, kill)
  const stderr = readErrors(child).catch(() => '')
  try {
    const outcome = await exchange({ child, watchdog, host, first, kill })
    if (outcome) return outcome
    if (broken === undefined) {
      await child.exited
      if (child.signalCode === 'SIGKILL') return { kind: 'killed' }
      options.onCrash(await stderr)
    }
  } catch (error) {
    kill(error instanceof Error ? `the sandbox was stopped: ${error.message}` : 'the sandbox was stopped')
  } finally {
    watchdog.stop()
    options.signal.removeEventListener('abort', onAbort)
    killGroup(child.pid, 'SIGKILL')
    await child.exited
  }
  return { kind: 'failed', error: { message: broken ?? 'the sandbox ended unexpectedly' } }
}

interface Exchange {
  child: SandboxProcess
  watchdog: ReturnType<typeof watchChild>
  host: ScriptHost
  first: ParentMessage
  kill: (reason: string) => void
}

/** Exchanges messages with the child until it has ended. @returns undefined when it did not say how the script ended */
async function exchange({ child, watchdog, host, first, kill }: Exchange): Promise<Outcome | undefined> {
  let outcome: Outcome | undefined
  let sent = 0
  let handled = 0
  let isHandling = false
  let callBytes = 0
  let unreadBytes = 0
  let lastCall = 0
  /** The synchronous call that blocks the script. */
  let blockedBy: number | undefined

  /** The time of the child runs while it has a message to handle and the server reads what it sends. */
  const account = () => watchdog.busy(!isHandling && blockedBy === undefined && sent > handled)

  async function send(message: ParentMessage): Promise<void> {
    sent += 1
    account()
    const line = `${JSON.stringify(message)}\n`
    unreadBytes += line.length
    if (unreadBytes > MAX_UNREAD_BYTES) kill('the script does not read the responses to its calls')
    try {
      await child.stdin.write(line)
      await child.stdin.flush()
      unreadBytes -= line.length
    } catch {
      // The child has ended. What it has sent before is still read.
    }
  }

  function call({ id, method, json, sync }: ChildMessage & { type: 'call' }): void {
    if (id !== lastCall + 1 || blockedBy !== undefined) throw new Error(NONSENSE)
    lastCall = id
    callBytes += json.length
    if (callBytes > MAX_CALL_BYTES) throw new Error('it asks for too much at once')
    if (sync) blockedBy = id
    host.call({ number: id, method, json, sync }, (response) => {
      callBytes -= json.length
      if (sync) blockedBy = undefined
      void send({ type: 'response', id, ...response })
    })
  }

  async function handle(message: ChildMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        watchdog.ready()
        if (sent === 0) await send(first)
        break
      case 'idle':
        if (message.handled > sent) throw new Error(NONSENSE)
        handled = message.handled
        if (handled === sent) host.idle()
        break
      case 'log':
        await host.log(message.stream, message.data)
        break
      case 'call':
        call(message)
        break
      case 'drop':
        host.drop(message.id)
        break
      case 'done':
        outcome = { kind: 'done' }
        break
      case 'failed':
        outcome = { kind: 'failed', error: message.error }
        break
      case 'overlooked':
        outcome = { kind: 'overlooked', message: message.message }
        break
    }
  }

  async function take(lines: string[]): Promise<void> {
    isHandling = true
    account()
    for (const line of lines) {
      if (outcome) break
      await handle(parseMessage(line))
      await yieldNowAndThen()
    }
    isHandling = false
    account()
    // Nothing counts that comes after the message about its end.
    if (outcome) killGroup(child.pid, 'SIGKILL')
  }

  const yieldNowAndThen = createYielding()
  const cut = createLines(MAX_LINE_BYTES)
  await pump(child.stdout, (chunk) => take(cut(chunk)), child.exited)
  return outcome
}

/** How long, and for how many messages, the server listens to one script before it does something else. */
const MOST_MS = 10
const MOST_MESSAGES = 32

/** @returns a function that waits now and then until the server has done what else it has to do */
function createYielding(): () => Promise<void> {
  let since = performance.now()
  let messages = 0
  return async () => {
    messages += 1
    if (messages < MOST_MESSAGES && performance.now() - since < MOST_MS) return
    await new Promise<void>((resolve) => setImmediate(resolve))
    since = performance.now()
    messages = 0
  }
}

const NONSENSE = 'it sent what no sandbox sends'

function parseMessage(line: string): ChildMessage {
  try {
    return v.parse(childMessage, JSON.parse(line))
  } catch (error) {
    throw new Error(NONSENSE, { cause: error })
  }
}

/** The first 4 KiB of the standard error of the child; the rest is read and dropped. */
async function readErrors(child: SandboxProcess): Promise<string> {
  let text = ''
  const append = async (chunk: Uint8Array) => {
    if (text.length < 4096) text += new TextDecoder().decode(chunk)
  }
  await pump(child.stderr, append, child.exited)
  return text.slice(0, 4096)
}

/**
 * Owns: the child process in which a pipeline's script runs, from its start to its end.
 * Refuses: to believe it. What it sends is checked and bounded, its time and memory are watched from outside,
 * and it inherits nothing: no environment, no terminal, no open file but its three pipes.
 */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { killGroup } from '../process-group.ts'
import { pump } from '../tasks/pump-output.ts'
import { createLines } from './split-lines.ts'
import type { SandboxProcess } from './child-processes.ts'
import {
  childMessage,
  type ChildMessage,
  MAX_LINE_BYTES,
  type ParentMessage,
  type PipelineContext,
  type SandboxLimits,
  type ScriptError,
} from './child-protocol.ts'
import { watchChild } from './resource-watchdog.ts'

/** How the script ended. An aborted one counts as failed. `killed`: its process was, and not by us. */
export type Outcome = { kind: 'done' } | { kind: 'failed'; error: ScriptError } | { kind: 'killed' }

/** What the script can ask of the server. */
export interface ScriptHost {
  /** Nothing more is read from the script until this resolves. */
  log(stream: 'stdout' | 'stderr', data: string): Promise<void>
  /** Answers are handed over in the order in which `answer` is called, once for each call. */
  call(call: ScriptCall, answer: (reply: Reply) => void): void
  /** The script no longer waits for this call. */
  drop(number: number): void
  /** It has taken all answers so far and can do nothing without another one. */
  idle(): void
}

export interface ScriptCall {
  /** 1, 2, 3 … */
  number: number
  method: string
  /** The parameters. */
  json: string
  /** The script stands still until it is answered. */
  sync: boolean
}

export interface Reply {
  ok: boolean
  /** The value, or `{message}` where the call failed. */
  json: string
  /** Milliseconds since 1970: when the script's clock says that it was answered. */
  now: number
}

export interface Script {
  source: string
  filename: string
  context: PipelineContext
  /** The request of the webhook that began the run. */
  request?: unknown
  /** 32 hexadecimal digits. */
  seed: string
  /** Milliseconds since 1970: where the script's clock begins. */
  now: number
}

export interface SandboxOptions {
  /** A process that no script was in. */
  start(): SandboxProcess
  limits: SandboxLimits
  signal: AbortSignal
  /** Told what a child said on its standard error before it broke. */
  onCrash(stderr: string): void
}

/** What the calls of a script may hold in the server's memory until they are answered. */
const MAX_ASKED_BYTES = 64 * 1024 * 1024
/** What answers may hold there until the script takes them. */
const MAX_UNTAKEN_BYTES = 128 * 1024 * 1024

/** Runs a script to its end, which can be hours away. Never throws for what the script does. */
export async function runScript(options: SandboxOptions, script: Script, host: ScriptHost): Promise<Outcome> {
  return await converse(options, { type: 'run', ...script }, host)
}

/**
 * Parses a script in a child, without running it.
 * @throws Fault `usage` such as `deploy.ts:3:14: unexpected ;`, with the line and a caret as its hint.
 */
export async function checkScript(
  options: SandboxOptions,
  script: { source: string; filename: string },
): Promise<void> {
  const host: ScriptHost = { log: async () => {}, call: () => {}, drop: () => {}, idle: () => {} }
  const outcome = await converse(options, { type: 'check', ...script }, host)
  if (outcome.kind === 'done') return
  if (outcome.kind === 'killed')
    throw new Fault('failed', 'the script could not be checked: its process was killed')
  throw new Fault('usage', errorText(script.filename, outcome.error), {
    hint: outcome.error.hint ?? excerpt(outcome.error),
  })
}

/** `deploy.ts:3:14: message`, as far as the place is known. */
export function errorText(filename: string, { message, line, column }: ScriptError): string {
  const place = [filename, line, column].filter((part) => part !== undefined).join(':')
  return `${place}: ${message}`
}

function excerpt({ text, column }: ScriptError): string | undefined {
  if (text === undefined || column === undefined) return undefined
  return `${text}\n${text.slice(0, column - 1).replaceAll(/[^\t]/g, ' ')}^`
}

async function converse(options: SandboxOptions, first: ParentMessage, host: ScriptHost): Promise<Outcome> {
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
  const noise = readNoise(child).catch(() => '')
  try {
    const outcome = await talk({ child, watchdog, host, first, kill })
    if (outcome) return outcome
    if (broken === undefined) {
      await child.exited
      if (child.signalCode === 'SIGKILL') return { kind: 'killed' }
      options.onCrash(await noise)
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

interface Talk {
  child: SandboxProcess
  watchdog: ReturnType<typeof watchChild>
  host: ScriptHost
  first: ParentMessage
  kill: (reason: string) => void
}

/** @returns undefined when the child ended without a last word. */
async function talk({ child, watchdog, host, first, kill }: Talk): Promise<Outcome | undefined> {
  let outcome: Outcome | undefined
  let sent = 0
  let handled = 0
  let isHandling = false
  let askedBytes = 0
  let untakenBytes = 0
  let asked = 0
  /** The call that the script stands still for. */
  let blockedBy: number | undefined

  /** The child's time runs while it has something of ours to do and we are there to listen. */
  const account = () => watchdog.busy(!isHandling && blockedBy === undefined && sent > handled)

  async function send(message: ParentMessage): Promise<void> {
    sent += 1
    account()
    const line = `${JSON.stringify(message)}\n`
    untakenBytes += line.length
    if (untakenBytes > MAX_UNTAKEN_BYTES) kill('the script does not take its answers')
    try {
      await child.stdin.write(line)
      await child.stdin.flush()
      untakenBytes -= line.length
    } catch {
      // A child that is gone cannot be told. What it still said is read, and then its end is seen.
    }
  }

  function call({ id, method, json, sync }: ChildMessage & { type: 'call' }): void {
    if (id !== asked + 1 || blockedBy !== undefined) throw new Error(NONSENSE)
    asked = id
    askedBytes += json.length
    if (askedBytes > MAX_ASKED_BYTES) throw new Error('it asks for too much at once')
    if (sync) blockedBy = id
    host.call({ number: id, method, json, sync }, (reply) => {
      askedBytes -= json.length
      if (sync) blockedBy = undefined
      void send({ type: 'answer', id, ...reply })
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
    }
  }

  async function take(lines: string[]): Promise<void> {
    isHandling = true
    account()
    for (const line of lines) {
      if (outcome) break
      await handle(parseMessage(line))
      await letOthers()
    }
    isHandling = false
    account()
    // Nothing of what comes after its last word counts.
    if (outcome) killGroup(child.pid, 'SIGKILL')
  }

  const letOthers = createTurns()
  const cut = createLines(MAX_LINE_BYTES)
  await pump(child.stdout, (chunk) => take(cut(chunk)), child.exited)
  return outcome
}

/** A script that talks without end is listened to for so long in one go. */
const MOST_MS = 10
const MOST_MESSAGES = 32

/** @returns waits now and then until all else that the server has to do has had its turn. */
function createTurns(): () => Promise<void> {
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

/** The first 4 KiB of what the child says on its standard error; the rest is read and dropped. */
async function readNoise(child: SandboxProcess): Promise<string> {
  let text = ''
  const keep = async (chunk: Uint8Array) => {
    if (text.length < 4096) text += new TextDecoder().decode(chunk)
  }
  await pump(child.stderr, keep, child.exited)
  return text.slice(0, 4096)
}

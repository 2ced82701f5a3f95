/**
 * Owns: the child process in which the script of a pipeline runs, from its start to its end.
 * Refuses: to trust it. What it sends is checked and bounded, its time and memory are watched from outside, and it
 * inherits nothing: no environment, no terminal, no open file but its three pipes.
 */
import { Fault } from '../../../contract/fault.ts'
import { killGroup } from '../signal-process-group.ts'
import { pump } from '../tasks/read-process-output.ts'
import type { SandboxProcess } from './prestarted-child-processes.ts'
import {
  errorText,
  type ParentMessage,
  type PipelineContext,
  type SandboxLimits,
  type ScriptError,
} from './child-protocol.ts'
import { exchange } from './exchange-messages.ts'
import type { Outcome, ScriptHost } from './script-host.ts'
import { watchChild } from './resource-watchdog.ts'

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

/** The first 4 KiB of the standard error of the child; the rest is read and dropped. */
async function readErrors(child: SandboxProcess): Promise<string> {
  let text = ''
  const append = async (chunk: Uint8Array) => {
    if (text.length < 4096) text += new TextDecoder().decode(chunk)
  }
  await pump(child.stderr, append, child.exited)
  return text.slice(0, 4096)
}

import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Redactor } from '../../redact/redactor.ts'
import type { Log } from '../log.ts'
import type { Vault } from '../vault/vault.ts'
import type { Driver } from './drivers/driver.ts'
import type { RunEnd, RunJournal } from './journal.ts'
import { createHostCalls } from './host.ts'
import { createLimiter } from './limiter.ts'
import { createAnswers } from './answers.ts'
import { createOutput } from './output.ts'
import { createResolver } from './resolve.ts'
import type { PipelineContext, SandboxLimits } from './sandbox/protocol.ts'
import { errorText, type Outcome, runScript, type ScriptHost } from './sandbox/sandbox.ts'

/** Tasks of one run that are let run at once; the others wait their turn. */
const TASKS_AT_ONCE = 64

export interface Execution {
  tenantId: string
  pipeline: { id: string; name: string; filename: string; source: string }
  context: PipelineContext
  journal: RunJournal
  redactor: Redactor
  driver: Driver
}

export interface Engine {
  vault: Vault
  clock: Clock
  log: Log
  sandboxCommand: readonly string[]
  limits: SandboxLimits
}

/**
 * Runs a pipeline's script and its tasks to their end; when it returns, the sandbox and the tasks have ended,
 * and with them what was in their process groups. What a task put in a group of its own (`setsid`) may go on.
 * @returns how it ended; the message is redacted.
 * @param stop fires with a `Fault` whose message is the reason.
 */
export async function execute(run: Execution, engine: Engine, stop: AbortSignal): Promise<RunEnd> {
  const { context, journal, redactor, driver, pipeline } = run
  const failing = new AbortController()
  const signal = AbortSignal.any([stop, failing.signal])
  let failure: unknown
  const fail = (error: unknown) => {
    // What fails because all is being ended anyway is not why it ended.
    if (signal.aborted) return
    failure = error
    failing.abort()
  }
  const resolver = createResolver({ vault: engine.vault, ...run, runId: context.runID })
  const calls = createHostCalls({
    runId: context.runID,
    driver,
    journal,
    redactor,
    clock: engine.clock,
    limiter: createLimiter(TASKS_AT_ONCE),
    firstNumber: 0,
    signal,
    resolve: resolver.resolve,
    fail,
  })
  const printed = createConsole(run)
  const answers = createAnswers({ calls, clock: engine.clock, redactor, signal })
  const host: ScriptHost = {
    log: (stream, data) => printed[stream].write(new TextEncoder().encode(data)),
    call: answers.call,
    drop: answers.drop,
    idle: () => {},
  }
  const options = {
    command: engine.sandboxCommand,
    limits: engine.limits,
    signal,
    onCrash: (stderr: string) =>
      engine.log.error('sandbox broke', { run: context.runID, stderr: redactor.text(stderr) }),
  }
  await journal.started()
  const outcome = await resolver
    .prepare(pipeline.source)
    .then(() => runScript(options, { ...pipeline, context, seed: newSeed(), now: engine.clock.now() }, host))
    .catch(fail)
  if (outcome?.kind !== 'done') failing.abort()
  await answers.settled()
  await printed.stdout.end()
  await printed.stderr.end()
  return conclude({ run, stop, failure, outcome: outcome ?? undefined, log: engine.log })
}

/** 128 bits, as hexadecimal digits. */
function newSeed(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex')
}

function createConsole({ redactor, journal }: Execution) {
  const output = (stream: 'stdout' | 'stderr') =>
    createOutput(redactor.stream(), (data) => journal.log({ stream, data }))
  return { stdout: output('stdout'), stderr: output('stderr') }
}

/** A run has one message, so the next step is in it too. */
function faultText({ message, hint }: Fault): string {
  if (hint === undefined) return message
  const next = hint.startsWith('fob ') ? `set it with: ${hint}` : hint
  return message.endsWith('?') ? `${message} Or ${next}` : `${message}; ${next}`
}

interface Conclusion {
  run: Execution
  stop: AbortSignal
  failure: unknown
  outcome: Outcome | undefined
  log: Log
}

function conclude({ run, stop, failure, outcome, log }: Conclusion): RunEnd {
  const { redactor, pipeline, context } = run
  if (outcome?.kind === 'done' && failure === undefined) return { status: 'success', message: undefined }
  if (stop.aborted) {
    const reason: unknown = stop.reason
    const message = reason instanceof Fault ? reason.message : 'stopped'
    return { status: 'stopped', message: redactor.text(message) }
  }
  if (failure instanceof Fault) return { status: 'failed', message: redactor.text(faultText(failure)) }
  if (failure === undefined && outcome?.kind === 'failed') {
    return { status: 'failed', message: redactor.text(errorText(pipeline.filename, outcome.error)) }
  }
  log.error('run broke', { run: context.runID, error: redactor.text(String(failure)) })
  return { status: 'failed', message: 'the server could not go on with this run' }
}

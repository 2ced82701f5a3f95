import type { Concurrency } from '../../../contract/api/pipelines.ts'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Env } from '../../../platform/processes/environment.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { Db } from '../../db/open-database.ts'
import type { Log } from '../../log.ts'
import type { Vault } from '../../vault/vault.ts'
import { type Answers, createAnswers } from './answer-host-calls.ts'
import { type Console, createConsole } from '../log/script-console.ts'
import type { Driver } from '../drivers/driver.ts'
import type { GuardedFetch } from '../fetch/guarded-request.ts'
import type { Network } from '../fetch/allowed-networks.ts'
import { createHostCalls } from './host-call-table.ts'
import type { HttpExchange } from './webhook-exchange.ts'
import type { RunEnd, RunJournal } from '../journal/journal.ts'
import { createLimiter } from '../concurrency-limiter.ts'
import { MAX_RESULT_BYTES } from '../log/redacted-output.ts'
import { type Past, readAnswer, readTail } from '../journal/history.ts'
import { createResolver, type Resolver } from '../secrets/resolve-secrets.ts'
import type { SandboxProcesses } from '../sandbox/child-processes.ts'
import type { PipelineContext, SandboxLimits } from '../sandbox/child-protocol.ts'
import {
  errorText,
  type Outcome,
  runScript,
  type SandboxOptions,
  type ScriptHost,
} from '../sandbox/sandbox.ts'
import type { TimeLimit } from './run-time-limit.ts'

/** Tasks of one run that are let run at once; the others wait their turn. */
const TASKS_AT_ONCE = 64
/** How long a server that is told to end waits for what is on its way. */
const LEAVE_MS = 5000
/** And a run that has come to its end. */
const END_MS = 60_000
/** How often a script's process is started again after something outside has killed it. */
const MAX_RESTARTS = 3

export interface Execution {
  tenantId: string
  pipeline: { id: string; name: string; filename: string; source: string }
  context: PipelineContext
  /** The request of the webhook that began the run. */
  request?: unknown
  journal: RunJournal
  past: Past
  redactor: Redactor
  driver: Driver
  /** Where that webhook waits for an answer. */
  exchange?: HttpExchange | undefined
  concurrency: Concurrency
  timeLimit?: TimeLimit | undefined
}

export interface Engine {
  db: Db
  network: Network
  guardedFetch: GuardedFetch
  vault: Vault
  clock: Clock
  log: Log
  processes: SandboxProcesses
  limits: SandboxLimits
  env: Env
  /** Where calls work, of all runs. */
  scratchDir: string
}

export interface Signals {
  /** Fires with a `Fault` whose message is the reason. */
  stop: AbortSignal
  /** Fires when the run is left to the next server, as it is: its tasks go on. */
  detach: AbortSignal
}

/**
 * Runs a pipeline's script and its tasks to their end; when it returns, the sandbox and the tasks have ended,
 * and with them what was in their process groups. What a task put in a group of its own (`setsid`) may go on.
 * @returns how it ended; the message is redacted. Undefined when it was left to the next server.
 */
export async function execute(
  run: Execution,
  engine: Engine,
  { stop, detach }: Signals,
): Promise<RunEnd | undefined> {
  const { context, journal, redactor, pipeline } = run
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
  const printed = createConsole(redactor, journal, journal.stored(0))
  const quiet = AbortSignal.any([signal, detach])
  const work = createBackground(stop)
  const answers = connect(run, engine, {
    stop: signal,
    quiet,
    resolver,
    fail,
    background: work.add,
  })
  const options = {
    start: engine.processes.take,
    limits: engine.limits,
    signal: quiet,
    onCrash: (stderr: string) =>
      engine.log.error('sandbox broke', { run: context.runID, stderr: redactor.text(stderr) }),
  }
  const begin = async () => {
    await journal.started()
    await resolver.prepare(pipeline.source)
    return await runAgain(run, options, answers, printed)
  }
  const outcome = await Promise.race([begin().catch(fail), whenFired(detach)])
  if (detach.aborted && !signal.aborted) {
    await work.settled(LEAVE_MS)
    return undefined
  }
  if (outcome?.kind !== 'done') failing.abort()
  answers.dropTimers()
  await answers.settled()
  await work.settled(END_MS)
  await printed.end()
  return conclude({ run, stop, failure, outcome: outcome ?? undefined, log: engine.log })
}

/** Runs the script; from its beginning again, a few times, when something outside has killed its process. */
async function runAgain(
  { context, pipeline, request, past }: Execution,
  options: SandboxOptions,
  answers: Answers,
  printed: Console,
): Promise<Outcome> {
  const host: ScriptHost = { log: printed.write, call: answers.call, drop: answers.drop, idle: answers.idle }
  const script = { ...pipeline, context, request, seed: past.seed, now: past.clock }
  for (let restarts = 0; ; restarts++) {
    const outcome = await runScript(options, script, host)
    if (outcome.kind !== 'killed' || restarts === MAX_RESTARTS) return outcome
    answers.restart()
    printed.restart()
  }
}

interface Ways {
  /** Ends what goes on. */
  stop: AbortSignal
  /** Nothing is recorded or answered any more. */
  quiet: AbortSignal
  resolver: Resolver
  fail(error: unknown): void
  background(work: (signal: AbortSignal) => Promise<void>): void
}

/** What the script asks for, and who does it. */
function connect(run: Execution, engine: Engine, ways: Ways): Answers {
  const { context, journal, past, redactor, driver, pipeline } = run
  const { stop, quiet, resolver, fail, background } = ways
  const { clock, db, env, scratchDir } = engine
  const runId = context.runID
  const calls = createHostCalls({
    runId,
    driver,
    journal,
    redactor,
    clock,
    limiter: createLimiter(TASKS_AT_ONCE),
    firstNumber: past.firstNumber,
    begun: past.tasks,
    readTail: (task) => readTail(db, runId, task, MAX_RESULT_BYTES),
    signal: stop,
    resolve: resolver.resolve,
    changedSince: resolver.changedSince,
    fail,
    pipeline: pipeline.name,
    env,
    scratchDir,
    quiet,
    warn: (data) => journal.log([{ stream: 'stderr', data }]),
    background,
    request: run.request,
    exchange: run.exchange,
    db,
    pipelineId: run.pipeline.id,
    network: engine.network,
    guardedFetch: engine.guardedFetch,
  })
  return createAnswers({
    calls,
    clock,
    redactor,
    recorded: past.answers,
    earlier: past.earlier,
    salt: past.seed,
    read: (answer) => readAnswer(db, runId, answer),
    record: journal.answered,
    signal: quiet,
    stop,
    fail,
  })
}

/** What a call has left going on, such as a message on its way. It goes on also where the script has failed. */
function createBackground(stop: AbortSignal) {
  const over = new AbortController()
  const going = new Set<Promise<void>>()
  return {
    add: (work: (signal: AbortSignal) => Promise<void>) => {
      const done = work(AbortSignal.any([stop, over.signal]))
      going.add(done)
      void done.finally(() => going.delete(done))
    },
    /** Resolves when none is left; what takes longer is ended. */
    settled: async (ms: number) => {
      if (going.size === 0) return
      const all = Promise.all(going)
      await Promise.race([all, whenFired(AbortSignal.timeout(ms))])
      over.abort(new Fault('interrupted', 'the run has ended'))
      await all
    },
  }
}

async function whenFired(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
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
  if (failure === undefined && outcome?.kind === 'killed') {
    return { status: 'failed', message: `the script's process was killed ${MAX_RESTARTS + 1} times` }
  }
  if (failure === undefined && outcome?.kind === 'failed') {
    return { status: 'failed', message: redactor.text(errorText(pipeline.filename, outcome.error)) }
  }
  log.error('run broke', { run: context.runID, error: redactor.text(String(failure)) })
  return { status: 'failed', message: 'the server could not go on with this run' }
}

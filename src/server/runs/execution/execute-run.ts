/** Executes one run: its script in the sandbox, the script's host calls and tasks, and how all of it ends. */
import type { Concurrency } from '../../../contract/api/pipelines.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { Db } from '../../db/open-database.ts'
import type { DiskSpace } from '../../disk-space.ts'
import type { Log } from '../../log.ts'
import type { Metrics } from '../../metrics.ts'
import type { Vault } from '../../vault/vault-interface.ts'
import { createBackground, whenFired } from './background-work.ts'
import { conclude } from './conclude-run.ts'
import { type CallDispatcher, createDispatcher } from './host-call-dispatcher.ts'
import { type Console, createConsole } from '../log/script-console.ts'
import type { Driver } from '../drivers/driver-interface.ts'
import type { GuardedFetch } from '../../../guarded-fetch/request-checked-address.ts'
import type { Network } from '../../../guarded-fetch/allowed-networks.ts'
import { createHostCalls } from './host-call-table.ts'
import { headOfLog } from './log-head.ts'
import type { HttpExchange } from './webhook-exchange-calls.ts'
import type { RunEnd, RunJournal } from '../journal/run-journal-type.ts'
import { createLimiter } from '../concurrency-limiter.ts'
import { MAX_RESULT_BYTES } from '../log/redact-and-store-output.ts'
import { readResponseText, readTail, type RunHistory } from '../journal/run-history.ts'
import { createResolver, type Resolver } from '../secrets/resolve-secrets.ts'
import { redactOwnSecrets } from '../secrets/redact-own-secrets.ts'
import type { SandboxProcesses } from '../sandbox/prestarted-child-processes.ts'
import type { PipelineContext, SandboxLimits } from '../sandbox/child-protocol.ts'
import { runScript, type SandboxOptions } from '../sandbox/sandbox.ts'
import type { Outcome, ScriptHost } from '../sandbox/script-host.ts'
import type { TimeLimit } from './run-time-limit.ts'

/** How many tasks of one run may run at once; the others wait their turn. */
const TASKS_AT_ONCE = 64
/** How long a server that shuts down waits for background work, such as a message on its way. */
const DETACH_WAIT_MS = 5000
/** How long the end of a run waits for it. */
const END_WAIT_MS = 60_000
/** How often the process of a script is started again after it was killed from outside. */
const MAX_RESTARTS = 3

/** A run that is ready to be executed. */
export interface Execution {
  tenantId: string
  pipeline: { id: string; name: string; filename: string; source: string }
  context: PipelineContext
  /** The request of the webhook that started the run. */
  request?: unknown
  journal: RunJournal
  history: RunHistory
  redactor: Redactor
  driver: Driver
  /** Where that webhook waits for its response. */
  exchange?: HttpExchange | undefined
  concurrency: Concurrency
  /** Whether an earlier server had started this attempt. */
  wasStarted: boolean
  /** Whether this is a later attempt, and the pipeline has another source by now. */
  sourceChanged: boolean
  timeLimit?: TimeLimit | undefined
}

/** What is counted of runs. */
export type RunCounters = Pick<Metrics, 'runStarted' | 'runEnded'>

/** What all executions of a server share. */
export interface ExecutionServices {
  db: Db
  network: Network
  guardedFetch: GuardedFetch
  vault: Vault
  clock: Clock
  log: Log
  disk: Pick<DiskSpace, 'note'>
  metrics: RunCounters
  processes: SandboxProcesses
  limits: SandboxLimits
  env: Env
  /** The parent of the private folders of calls, of all runs. */
  scratchDir: string
  /** As in `RunsOptions`. */
  secretSource: string | undefined
}

interface Signals {
  /** Fires with a `Fault` whose message is the reason. */
  stop: AbortSignal
  /** Fires when the run is left to the next server: its tasks continue. */
  detach: AbortSignal
}

/**
 * Runs the script of a pipeline and its tasks to their end; when it returns, the sandbox and the tasks have ended,
 * and with them what was in their process groups. What a task put in a group of its own (`setsid`) may still run.
 * @returns how the run ended, its message redacted; undefined when the run was left to the next server
 * @throws RunDetached when the run was left to the next server while it was ending
 */
export async function execute(
  run: Execution,
  services: ExecutionServices,
  { stop, detach }: Signals,
): Promise<RunEnd | undefined> {
  const { context, journal, redactor, pipeline } = run
  const failing = new AbortController()
  const signal = AbortSignal.any([stop, failing.signal])
  let failure: unknown
  const fail = (error: unknown) => {
    // What fails because the run is being ended, or left to the next server, is not the reason of its end.
    if (signal.aborted || detach.aborted) return
    failure = error
    failing.abort()
  }
  const resolver = createResolver({ ...services, ...run, runId: context.runID })
  const scriptConsole = createConsole(redactor, journal, journal.stored(0))
  const quiet = AbortSignal.any([signal, detach])
  const background = createBackground(stop)
  const dispatcher = connect(run, services, {
    stop: signal,
    quiet,
    resolver,
    fail,
    background: background.add,
  })
  const options = {
    start: services.processes.take,
    limits: services.limits,
    signal: quiet,
    onCrash: (stderr: string) =>
      services.log.error('sandbox broke', { run: context.runID, stderr: redactor.text(stderr) }),
  }
  const runToEnd = async () => {
    await journal.started()
    const unset = await resolver.prepare(pipeline.source)
    // After what the source names, which has to fit.
    const leftOut = await redactOwnSecrets({ vault: services.vault, ...run })
    const head = headOfLog({ ...run, attempt: journal.attempt, unset, leftOut })
    // Where an earlier server had started the run, the log has it already.
    if (head.length > 0 && !run.wasStarted) await journal.log(head)
    return await runWithRestarts(run, options, dispatcher, scriptConsole)
  }
  const outcome = await Promise.race([runToEnd().catch(fail), whenFired(detach)])
  if (detach.aborted && !signal.aborted) {
    await background.settled(DETACH_WAIT_MS)
    return undefined
  }
  if (outcome?.kind !== 'done') failing.abort()
  dispatcher.dropTimers()
  await dispatcher.settled()
  await background.settled(END_WAIT_MS)
  await scriptConsole.end()
  const mostStarts = MAX_RESTARTS + 1
  return conclude({ run, stop, failure, outcome: outcome ?? undefined, mostStarts, services })
}

/** Runs the script; from its start again, a few times, when its process is killed from outside. */
async function runWithRestarts(
  { context, pipeline, request, history }: Execution,
  options: SandboxOptions,
  dispatcher: CallDispatcher,
  scriptConsole: Console,
): Promise<Outcome> {
  const { call, drop, idle } = dispatcher
  const host: ScriptHost = { log: scriptConsole.write, call, drop, idle }
  const script = { ...pipeline, context, request, seed: history.seed, now: history.clock }
  for (let restarts = 0; ; restarts++) {
    const outcome = await runScript(options, script, host)
    if (outcome.kind !== 'killed' || restarts === MAX_RESTARTS) return outcome
    dispatcher.restart()
    scriptConsole.restart()
  }
}

interface Connection {
  /** Fires when the run ends: stops what is in progress. */
  stop: AbortSignal
  /** Fires when the run ends or is left to the next server: nothing is recorded or delivered any more. */
  quiet: AbortSignal
  resolver: Resolver
  fail(error: unknown): void
  background(work: (signal: AbortSignal) => Promise<void>): void
}

/** Connects the calls of the script to their implementations. */
function connect(run: Execution, services: ExecutionServices, connection: Connection): CallDispatcher {
  const { context, journal, history, redactor, driver, pipeline } = run
  const { stop, quiet, resolver, fail, background } = connection
  const { clock, db, env, scratchDir } = services
  const runId = context.runID
  const calls = createHostCalls({
    runId,
    driver,
    journal,
    redactor,
    clock,
    limiter: createLimiter(TASKS_AT_ONCE),
    firstNumber: history.firstNumber,
    startedBefore: history.tasks,
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
    network: services.network,
    guardedFetch: services.guardedFetch,
  })
  return createDispatcher({
    calls,
    clock,
    redactor,
    recorded: history.responses,
    earlier: history.earlier,
    salt: history.seed,
    read: (response) => readResponseText(db, runId, response),
    record: journal.responded,
    signal: quiet,
    stop,
    fail,
  })
}

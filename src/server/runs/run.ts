/**
 * Owns: runs, from their start to their record: the script in its sandbox, its tasks on a driver, the journal
 * of what happened, and who follows it.
 * Refuses: to store, return or show a byte of output that has not been through the run's redactor; to hand a
 * secret to anything but the environment of a task that asked for it by name.
 */
import { join } from 'node:path'
import type { NeededSecret } from '../../contract/api/pipelines.ts'
import { isFinal, type NumberedEvent } from '../../contract/run-events.ts'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Env } from '../../platform/processes/environment.ts'
import type { Db } from '../db/open-database.ts'
import type { Log } from '../log.ts'
import type { Vault } from '../vault/vault.ts'
import type { Driver } from './drivers/driver.ts'
import { removeFolder } from './drivers/remove-folder.ts'
import { createNativeDriver } from './drivers/native-driver.ts'
import { followEvents } from './log/follow-events.ts'
import { createEnding } from './execution/end-run.ts'
import { type Engine, execute, type Execution } from './execution/execute-run.ts'
import { createGuardedFetch, type GuardedFetch } from './fetch/guarded-request.ts'
import { type Network, openNetwork } from './fetch/allowed-networks.ts'
import { createJournal, type RunEnd, type RunJournal } from './journal/journal.ts'
import { logRemoved } from './journal/journal-rows.ts'
import { createLimiter, createPlaces } from './concurrency-limiter.ts'
import { listRuns, type RunQuery } from './journal/list-runs.ts'
import { type LogPage, readLogPage } from './log/log-page.ts'
import { readLogText } from './log/log-as-text.ts'
import { neededSecrets, refuseEmptyReferences, refuseReservedSecrets } from './secrets/needed-secrets.ts'
import { createPrepare, driverOf, type RunRequest } from './execution/prepare-run.ts'
import { createRunQueue, type QueuedRun } from './queue/run-queue.ts'
import { goesOn, hasSucceeded, paused } from './queue/start-refusals.ts'
import {
  findRecord,
  findRun,
  lastEvent,
  pausedPipelines,
  readEvents,
  type RunEntry,
  type RunRecord,
} from './journal/run-records.ts'
import { createProcesses } from './sandbox/child-processes.ts'
import { SANDBOX_LIMITS, type SandboxLimits } from './sandbox/child-protocol.ts'
import { checkScript } from './sandbox/sandbox.ts'
import { takeUpRuns } from './queue/resume-after-restart.ts'
import { watchTimeLimit } from './execution/run-time-limit.ts'

export interface StartRun extends RunRequest {
  pipeline: RunRequest['pipeline'] & {
    /** Absent: it is not. */
    paused?: boolean
  }
}

export interface Runs {
  /**
   * Returns once the run is recorded; it goes on in the background.
   * @throws Fault `usage` for an unknown driver, `conflict` when the pipeline is paused or the server is
   * shutting down, `busy` when the tenant has too many runs waiting for their turn.
   */
  start(request: StartRun): Promise<{ runId: string }>
  get(tenantId: string, id: string): Promise<RunRecord | undefined>
  /** Newest first. */
  list(tenantId: string, query: RunQuery): Promise<{ items: RunEntry[]; next: string | null }>
  /**
   * Events numbered over `after`: stored ones, then live ones; ends after `exit` or when `signal` fires.
   * @throws Fault `not_found`, when it is first read from.
   */
  events(tenantId: string, id: string, after: number, signal: AbortSignal): AsyncIterable<NumberedEvent>
  /** The number of a run's last event so far. */
  lastEvent(id: string): Promise<number>
  /**
   * What a run has printed so far, of all its tasks, line by line. Returns what is left of lines that have no end yet.
   * Empty where there is no such run.
   */
  log(id: string): AsyncGenerator<string, string>
  /** The last of it before event `before`, or the last of all, and the event before which there is more. */
  logPage(id: string, before: number | undefined): Promise<LogPage>
  /**
   * Begins to stop a run: its script at once, its tasks by TERM and after 10 s by KILL. Its `exit` event tells
   * when it is done. A run whose end could not be recorded is recorded as stopped. False when there is no such
   * run or it has ended.
   */
  stop(tenantId: string, id: string, reason: string): Promise<boolean>
  /**
   * Runs a failed or stopped run again, in the place and with the source that it had: answers that were good are
   * given to the script again, all else is done anew, and its events go on. Returns once it is queued.
   * @throws Fault `not_found`, `conflict` when it goes on, has succeeded or its log was removed, and as `start`
   * does.
   */
  resume(tenantId: string, id: string): Promise<{ attempt: number; lastEventId: number }>
  /**
   * @throws Fault `usage`: `deploy.ts:3:14: unexpected ;`, its hint the line with a caret; and for a secret that
   * no run is given.
   */
  check(source: string, filename: string): Promise<void>
  /** @throws Fault `usage` for a driver that this server does not have; what its `ready` throws. */
  checkDriver(name: string, signal: AbortSignal): Promise<void>
  /** The secrets that a pipeline will ask for, as far as its source tells. */
  needs(pipeline: { id: string; tenantId: string; source: string }): Promise<NeededSecret[]>
  /** While a pipeline is paused, what waits for its turn goes on waiting. */
  hold(pipelineId: string, isPaused: boolean): void
  /** Stops what waits for its turn. */
  withdraw(pipelineId: string, reason: string): void
  /** Leaves all runs to the next server on this data: their tasks go on where their driver can do that. */
  close(): Promise<void>
}

export interface RunsOptions {
  db: Db
  dataDir: string
  vault: Vault
  clock: Clock
  log: Log
  /** What starts this program as a sandbox child: `runSandboxChild`. No relative paths: it starts in `/`. */
  sandboxCommand: readonly string[]
  /** The server's own: where its programs are, and how it reaches the network. */
  env?: Env
  /** Without it, one that keeps to `network`. */
  guardedFetch?: GuardedFetch
  limits?: Partial<SandboxLimits>
  /** What starts this program as the supervisor of native tasks: `runTasksProcess`. Without it, they end with us. */
  tasksCommand?: readonly string[] | undefined
  /** How long native tasks go on when this server is killed. */
  tasksWaitMs?: number | undefined
  /** Between TERM and KILL. */
  graceMs?: number
  /** Beside the native one. */
  drivers?: readonly Driver[]
  /** Names of those on which anything is run; undefined: all. */
  allowed?: readonly string[]
  /** Runs that go at once; the others stay queued. */
  runsAtOnce?: number | undefined
  /** Runs of one tenant that go at once; without it, as many as of all. */
  runsPerTenant?: number | undefined
  /** Runs of one tenant that may wait for their turn. */
  waitingRuns?: number | undefined
  /** Output that is kept of one run. */
  maxLogBytes?: number | undefined
  /** What scripts may reach; without it, the internet alone. */
  network?: Network
}

const RUNS_AT_ONCE = 16
/** Scripts that are parsed at once. */
const CHECKS_AT_ONCE = 4
const MAX_WAITING = 100
/** What who is turned away is told to wait: nobody knows how long runs take. */
const RETRY_AFTER_S = 10
/** Of one answer to `fetch`. */
const MAX_FETCH_BYTES = 5 * 1024 * 1024
const MAX_LOG_BYTES = 256 * 1024 * 1024

interface LiveRun {
  tenantId: string
  stop: AbortController
  journal: RunJournal
  done: Promise<void>
}

/** Also takes up the runs that the server before left behind, before anything new begins. */
export async function openRuns(options: RunsOptions): Promise<Runs> {
  const { db, dataDir, vault, clock, log } = options
  const limits = { ...SANDBOX_LIMITS, ...options.limits }
  const processes = createProcesses(options.sandboxCommand, limits)
  const network = options.network ?? openNetwork([])
  const guardedFetch =
    options.guardedFetch ?? createGuardedFetch({ network, maxAnswerBytes: MAX_FETCH_BYTES })
  const scratchDir = join(dataDir, 'scratch')
  const { env = {} } = options
  const engine: Engine = { ...options, limits, processes, scratchDir, env, network, guardedFetch }
  // What a server that died has left.
  await removeFolder(scratchDir)
  const journal = createJournal({ db, clock })
  const graceMs = options.graceMs === undefined ? {} : { graceMs: options.graceMs }
  const native = createNativeDriver({
    dataDir,
    clock,
    ...graceMs,
    command: options.tasksCommand,
    waitMs: options.tasksWaitMs,
  })
  const drivers = new Map([native, ...(options.drivers ?? [])].map((driver) => [driver.name, driver]))
  const atOnce = options.runsAtOnce ?? RUNS_AT_ONCE
  const held = await pausedPipelines(db)
  const running = createRunQueue({ atOnce, perTenant: options.runsPerTenant ?? atOnce, held })
  const checking = createLimiter(CHECKS_AT_ONCE)
  const live = new Map<string, LiveRun>()
  const starting = new Set<Promise<unknown>>()
  const resuming = new Set<string>()
  const closing = new AbortController()
  const isLive = (runId: string) => live.has(runId)
  const recordEnd = createEnding({ db, journal, vault, clock, log, closing: closing.signal, isLive })

  const waiting = createPlaces(options.waitingRuns ?? MAX_WAITING)

  // What the others have left is still removed.
  const usable = new Map([...drivers].filter(([name]) => options.allowed?.includes(name) ?? true))
  const prepare = createPrepare({
    ...options,
    journal,
    drivers: usable,
    maxLogBytes: options.maxLogBytes ?? MAX_LOG_BYTES,
  })

  async function start(request: StartRun): Promise<{ runId: string }> {
    if (request.pipeline.paused === true) throw paused(request.pipeline.name)
    const run = await admit(request.tenantId, () => prepare.create(request))
    return { runId: run.context.runID }
  }

  async function resume(tenantId: string, id: string): Promise<{ attempt: number; lastEventId: number }> {
    const row = await findRun(db, tenantId, id)
    if (!row) throw new Fault('not_found', `there is no run ${id}`)
    if (row.status === 'success') throw hasSucceeded(row)
    if (row.logRemovedAt !== null) throw logRemoved()
    if (live.has(id) || !isFinal(row.status)) throw goesOn(row)
    if (resuming.has(id)) throw new Fault('conflict', 'the run is being resumed')
    resuming.add(id)
    try {
      const lastEventId = await lastEvent(db, id)
      const run = await admit(tenantId, () => prepare.resume(row))
      return { attempt: run.journal.attempt, lastEventId }
    } finally {
      resuming.delete(id)
    }
  }

  /** Lets a run begin, or wait for its turn. */
  async function admit(tenantId: string, make: () => Promise<Execution>): Promise<Execution> {
    if (closing.signal.aborted) throw new Fault('conflict', 'the server is shutting down')
    const leave = waiting.take(tenantId)
    if (!leave) {
      throw new Fault('busy', `too many runs are waiting for their turn (at most ${waiting.most})`, {
        hint: 'wait until some have begun, or stop some with: fob runs stop RUN',
        retryAfter: RETRY_AFTER_S,
      })
    }
    const made = make()
    starting.add(made)
    try {
      const run = await made
      launch(run, leave)
      return run
    } catch (error) {
      leave()
      throw error
    } finally {
      starting.delete(made)
    }
  }

  /**
   * @param leave gives up the run's place among those that wait
   * @param begun whether it had begun under the server before
   */
  function launch(run: Execution, leave: () => void, begun = false): void {
    const runId = run.context.runID
    const { tenantId, journal, pipeline, concurrency } = run
    const stop = new AbortController()
    const place = {
      runId,
      tenantId,
      pipelineId: pipeline.id,
      concurrency,
      begun,
      end: (reason: string) => end({ journal, stop }, reason),
    }
    const done = toEnd(run, place, stop.signal, leave)
    live.set(runId, { tenantId, stop, journal, done })
    void done.finally(() => {
      live.delete(runId)
      run.exchange?.ended()
    })
  }

  /** Never rejects: whatever happens, the run is recorded as ended, as far as anything can be recorded. */
  async function toEnd(
    run: Execution,
    place: QueuedRun,
    stop: AbortSignal,
    leave: () => void,
  ): Promise<void> {
    const runId = run.context.runID
    const work = async () => {
      leave()
      const unwatch = run.timeLimit && watchTimeLimit(run.timeLimit, clock, place.end)
      return await execute(run, engine, { stop, detach: closing.signal }).finally(unwatch)
    }
    const ended = await running
      .run(place, work, AbortSignal.any([stop, closing.signal]))
      .finally(leave)
      .catch((error: unknown): RunEnd | undefined => {
        if (closing.signal.aborted && !stop.aborted) return undefined
        if (stop.aborted)
          return { status: 'stopped', message: error instanceof Fault ? error.message : 'stopped' }
        log.error('run broke', { run: runId, error: run.redactor.text(String(error)) })
        return { status: 'failed', message: 'the server could not go on with this run' }
      })
    if (!ended) return
    await cleanUp(run.driver, runId)
    await recordEnd(run, { ...ended, redactions: run.redactor.report() })
  }

  async function cleanUp(driver: Driver, runId: string): Promise<void> {
    await driver.cleanUp(runId).catch(() => log.warn('a run left files behind', { run: runId }))
  }

  async function* events(tenantId: string, id: string, after: number, signal: AbortSignal) {
    if (!(await findRun(db, tenantId, id))) throw new Fault('not_found', `there is no run ${id}`)
    const source = {
      read: (from: number, limit: number) => readEvents(db, id, from, limit),
      next: () => journal.next(id),
    }
    yield* followEvents(source, after, signal)
  }

  async function stop(tenantId: string, id: string, reason: string): Promise<boolean> {
    const run = live.get(id)
    if (run && run.tenantId === tenantId) {
      end(run, reason)
      return true
    }
    const row = await findRun(db, tenantId, id)
    if (!row || isFinal(row.status)) return false
    return await journal.endLeftBehind(id, { status: 'stopped', message: reason })
  }

  /** Begins to stop a run. It is noted first, so that a server that dies meanwhile does not go on with it. */
  function end({ journal, stop }: Pick<LiveRun, 'journal' | 'stop'>, reason: string): void {
    try {
      journal.stopping(reason)
    } catch {
      // It is stopped all the same, as long as this server lives.
    }
    stop.abort(new Fault('interrupted', reason))
  }

  async function check(source: string, filename: string): Promise<void> {
    refuseReservedSecrets(source, filename)
    refuseEmptyReferences(source, filename)
    const { signal } = closing
    const onCrash = () => log.error('sandbox broke', { filename })
    const sandbox = { start: processes.take, limits, signal, onCrash }
    await checking.run(() => checkScript(sandbox, { source, filename }), signal)
  }

  async function close(): Promise<void> {
    closing.abort(new Fault('interrupted', 'the server was shut down'))
    await Promise.allSettled(starting)
    const left = [...live.values()].filter((run) => !run.stop.signal.aborted)
    for (const run of left) run.journal.detach()
    await Promise.all([...live.values()].map((run) => run.done))
    await processes.close()
    if (left.length > 0) return log.info('runs are left to the next server', { runs: left.length })
    for (const driver of drivers.values()) await driver.close()
  }

  await takeUpRuns({
    db,
    log,
    journal,
    prepare,
    cleanUp,
    drivers: [...drivers.values()],
    launch: (run, begun) => launch(run, waiting.take(run.tenantId) ?? (() => {}), begun),
  })
  return {
    start,
    get: (tenantId, id) => findRecord(db, tenantId, id),
    list: (tenantId, query) => listRuns(db, tenantId, query),
    events,
    lastEvent: (id) => lastEvent(db, id),
    log: (id) => readLogText(db, id),
    logPage: (id, before) => readLogPage(db, id, before),
    stop,
    resume,
    check,
    checkDriver: async (name, signal) => await driverOf(usable, name).ready?.(signal),
    hold: running.hold,
    withdraw: running.withdraw,
    needs: ({ id: pipelineId, tenantId, source }) => neededSecrets(source, { vault, tenantId, pipelineId }),
    close,
  }
}

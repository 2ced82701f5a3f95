/**
 * Owns: runs, from their start to their record: the script in its sandbox, its tasks on a driver, the journal
 * of what happened, and who follows it.
 * Refuses: to store, return or show a byte of output that has not been through the run's redactor; to hand a
 * secret to anything but the environment of a task that asked for it by name.
 */
import { eq } from 'drizzle-orm'
import { isFinal, type NumberedEvent } from '../../contract/events.ts'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import { createRedactor } from '../../redact/redactor.ts'
import { newId } from '../db/ids.ts'
import type { Db } from '../db/open.ts'
import { tenants } from '../db/schema.ts'
import type { Log } from '../log.ts'
import type { Vault } from '../vault/vault.ts'
import type { Driver } from './drivers/driver.ts'
import { createNativeDriver } from './drivers/native.ts'
import { followEvents } from './events.ts'
import { execute, type Execution } from './execute.ts'
import { redactHandedIn } from './handed-in.ts'
import { createJournal, type RunEnd } from './journal.ts'
import { createLimiter, createPlaces } from './limiter.ts'
import { capLog } from './log-cap.ts'
import {
  findRecord,
  findRun,
  listRuns,
  readEvents,
  readLog,
  type RunQuery,
  type RunRecord,
  type RunRow,
} from './records.ts'
import { SANDBOX_LIMITS, type SandboxLimits } from './sandbox/protocol.ts'
import { checkScript } from './sandbox/sandbox.ts'

export interface StartRun {
  tenantId: string
  pipeline: { id: string; name: string; filename: string; source: string; driver: string }
  args: string[]
  task: string | undefined
  /** The caller, as records show it. */
  triggeredBy: string
}

export interface Runs {
  /**
   * Returns once the run is recorded; it goes on in the background.
   * @throws Fault `usage` for an unknown driver, `conflict` when the server is shutting down or the tenant has
   * too many runs waiting for their turn.
   */
  start(request: StartRun): Promise<{ runId: string }>
  get(tenantId: string, id: string): Promise<RunRecord | undefined>
  /** Newest first. */
  list(tenantId: string, query: RunQuery): Promise<{ items: RunRow[]; next: string | null }>
  /**
   * Events numbered over `after`: stored ones, then live ones; ends after `exit` or when `signal` fires.
   * @throws Fault `not_found`, when it is first read from.
   */
  events(tenantId: string, id: string, after: number, signal: AbortSignal): AsyncIterable<NumberedEvent>
  /** What a run has printed so far, of all its tasks in order. Empty where there is no such run. */
  log(id: string): AsyncIterable<string>
  /**
   * Begins to stop a run: its script at once, its tasks by TERM and after 10 s by KILL. Its `exit` event tells
   * when it is done. A run whose end could not be recorded is recorded as stopped. False when there is no such
   * run or it has ended.
   */
  stop(tenantId: string, id: string, reason: string): Promise<boolean>
  /** @throws Fault `usage`: `deploy.ts:3:14: unexpected ;`, its hint the line with a caret. */
  check(source: string, filename: string): Promise<void>
  /** @throws Fault `usage` for a driver that this server does not have; what its `ready` throws. */
  checkDriver(name: string, signal: AbortSignal): Promise<void>
  /** Stops all runs, records them, and waits for their end. */
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
  /** Beside the native one. */
  drivers?: readonly Driver[]
  /** Names of those on which anything is run; undefined: all. */
  allowed?: readonly string[]
  limits?: Partial<SandboxLimits>
  /** What starts this program as the supervisor of native tasks: `runTasksProcess`. Without it, they end with us. */
  tasksCommand?: readonly string[] | undefined
  /** How long native tasks go on when this server is killed. */
  tasksWaitMs?: number | undefined
  /** Between TERM and KILL. */
  graceMs?: number
  /** Runs that go at once; the others stay queued. */
  runsAtOnce?: number
  /** Runs of one tenant that may wait for their turn. */
  waitingRuns?: number
  /** Output that is kept of one run. */
  maxLogBytes?: number
}

/** Scripts that are parsed at once. */
const CHECKS_AT_ONCE = 4
const MAX_WAITING = 100
const MAX_LOG_BYTES = 256 * 1024 * 1024

interface LiveRun {
  tenantId: string
  stop: AbortController
  done: Promise<void>
}

/** Also ends the runs that a dead server left behind, before anything new begins. */
export async function openRuns(options: RunsOptions): Promise<Runs> {
  const { db, dataDir, vault, clock, log } = options
  const limits = { ...SANDBOX_LIMITS, ...options.limits }
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
  const running = createLimiter(options.runsAtOnce ?? 16)
  const checking = createLimiter(CHECKS_AT_ONCE)
  const live = new Map<string, LiveRun>()
  const starting = new Set<Promise<unknown>>()
  const closing = new AbortController()

  const waiting = createPlaces(options.waitingRuns ?? MAX_WAITING)

  for (const id of await journal.leftBehind()) {
    for (const driver of drivers.values()) await cleanUp(driver, id)
    const message = 'the server stopped while this run was going on'
    await journal.endLeftBehind(id, { status: 'failed', message })
    log.warn('run left behind by a dead server', { run: id })
  }

  function driverOf(name: string): Driver {
    const driver = drivers.get(name)
    if (driver === undefined) throw new Fault('usage', `there is no driver "${name}"`)
    if (options.allowed?.includes(name) ?? true) return driver
    throw new Fault('usage', `this server runs nothing on the driver "${name}"`, {
      hint: `choose another one: ${options.allowed?.join(', ')}`,
    })
  }

  async function start(request: StartRun): Promise<{ runId: string }> {
    if (closing.signal.aborted) throw new Fault('conflict', 'the server is shutting down')
    const leave = waiting.take(request.tenantId)
    if (!leave) {
      throw new Fault('conflict', `${waiting.most} runs are waiting for their turn already`, {
        hint: 'wait until some have begun, or stop some with: fob runs stop RUN',
      })
    }
    const begun = begin(request, leave)
    starting.add(begun)
    try {
      return await begun
    } catch (error) {
      leave()
      throw error
    } finally {
      starting.delete(begun)
    }
  }

  /** @param leave gives up the run's place among those that wait. */
  async function begin(request: StartRun, leave: () => void): Promise<{ runId: string }> {
    const { tenantId, pipeline, triggeredBy } = request
    const driver = driverOf(pipeline.driver)
    const runId = newId('run')
    const redactor = createRedactor(pipeline.name)
    const shown = await redactHandedIn(
      request.task === undefined ? request.args : [...request.args, request.task],
      redactor,
      { vault, tenantId, pipelineId: pipeline.id, log },
    )
    const row = {
      id: runId,
      tenantId,
      pipelineId: pipeline.id,
      pipelineName: pipeline.name,
      triggeredBy,
      args: shown.slice(0, request.args.length),
      task: shown[request.args.length] ?? null,
    }
    const context = {
      runID: runId,
      pipelineID: pipeline.id,
      pipeline: pipeline.name,
      driver: driver.name,
      triggeredBy,
      args: request.args,
      task: request.task ?? null,
      tenant: await slugOf(tenantId),
    }
    const record = capLog(await journal.create(row), options.maxLogBytes ?? MAX_LOG_BYTES)
    const stop = new AbortController()
    const run = { tenantId, pipeline, context, journal: record, redactor, driver }
    const done = toEnd(run, stop.signal, leave)
    live.set(runId, { tenantId, stop, done })
    void done.finally(() => live.delete(runId))
    return { runId }
  }

  /** Never rejects: whatever happens, the run is recorded as ended, as far as anything can be recorded. */
  async function toEnd(run: Execution, stop: AbortSignal, leave: () => void): Promise<void> {
    const runId = run.context.runID
    const work = () => {
      leave()
      return execute(run, { ...options, limits }, stop)
    }
    const end = await running
      .run(work, stop)
      .finally(leave)
      .catch((error: unknown): RunEnd => {
        if (stop.aborted)
          return { status: 'stopped', message: error instanceof Fault ? error.message : 'stopped' }
        log.error('run broke', { run: runId, error: run.redactor.text(String(error)) })
        return { status: 'failed', message: 'the server could not go on with this run' }
      })
    await cleanUp(run.driver, runId)
    try {
      await run.journal.finish({ ...end, redactions: run.redactor.report() })
      log.info('run ended', { run: runId, pipeline: run.pipeline.name, status: end.status })
    } catch (error) {
      log.error('the end of a run could not be recorded', {
        run: runId,
        error: run.redactor.text(String(error)),
      })
    }
  }

  async function cleanUp(driver: Driver, runId: string): Promise<void> {
    await driver.cleanUp(runId).catch(() => log.warn('a run left files behind', { run: runId }))
  }

  async function slugOf(tenantId: string): Promise<string> {
    const [tenant] = await db.select({ slug: tenants.slug }).from(tenants).where(eq(tenants.id, tenantId))
    return tenant?.slug ?? tenantId
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
      run.stop.abort(new Fault('interrupted', reason))
      return true
    }
    const row = await findRun(db, tenantId, id)
    if (!row || isFinal(row.status)) return false
    return await journal.endLeftBehind(id, { status: 'stopped', message: reason })
  }

  async function check(source: string, filename: string): Promise<void> {
    const { signal } = closing
    const onCrash = () => log.error('sandbox broke', { filename })
    const sandbox = { command: options.sandboxCommand, limits, signal, onCrash }
    await checking.run(() => checkScript(sandbox, { source, filename }), signal)
  }

  async function close(): Promise<void> {
    const reason = new Fault('interrupted', 'the server was shut down')
    closing.abort(reason)
    await Promise.allSettled(starting)
    for (const run of live.values()) run.stop.abort(reason)
    await Promise.all([...live.values()].map((run) => run.done))
    for (const driver of drivers.values()) await driver.close()
  }

  return {
    start,
    get: (tenantId, id) => findRecord(db, tenantId, id),
    list: (tenantId, query) => listRuns(db, tenantId, query),
    events,
    log: (id) => readLog(db, id),
    stop,
    check,
    checkDriver: async (name, signal) => await driverOf(name).ready?.(signal),
    close,
  }
}

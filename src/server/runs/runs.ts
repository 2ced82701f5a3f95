/**
 * Owns: runs, from their start to their record: the script in its sandbox, its tasks on a driver, the journal
 * of what happened, and its followers.
 * Refuses: to store, return or show a byte of output that has not been through the run's redactor; to give a
 * secret to anything but the environment of a task that asked for it by name.
 */
import { join } from 'node:path'
import { isFinal } from '../../contract/run-events.ts'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import { isDiskFull } from '../../platform/files/disk-full.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import type { Db } from '../db/open-database.ts'
import type { DiskSpace } from '../disk-space.ts'
import type { Log } from '../log.ts'
import type { Vault } from '../vault/vault-interface.ts'
import { createLimiter } from './concurrency-limiter.ts'
import type { Driver } from './drivers/driver-interface.ts'
import { createNativeDriver } from './drivers/native-driver.ts'
import { removeFolder } from './drivers/remove-folder.ts'
import type { ExecutionServices, RunCounters } from './execution/execute-run.ts'
import { createLiveRuns } from './execution/live-runs.ts'
import { createRunPreparation, driverOf } from './execution/prepare-run.ts'
import { type Network, openNetwork } from '../../guarded-fetch/allowed-networks.ts'
import { createGuardedFetch, type GuardedFetch } from '../../guarded-fetch/request-checked-address.ts'
import { createJournal } from './journal/journal.ts'
import type { RunEnd } from './journal/run-journal-type.ts'
import { findRun, pausedPipelines } from './journal/read-run-records.ts'
import { continueInterruptedRuns } from './queue/resume-after-restart.ts'
import { createRunQueue } from './queue/run-queue.ts'
import { createRunStarter, type Resumed, type StartRun } from './queue/start-and-resume-runs.ts'
import { createPlaces } from './queue/limit-waiting-runs.ts'
import { createRunQueries, type RunQueries } from './read-runs-and-logs.ts'
import { createProcesses } from './sandbox/prestarted-child-processes.ts'
import { SANDBOX_LIMITS, type SandboxLimits } from './sandbox/child-protocol.ts'
import { createCheckedScripts } from './sandbox/checked-scripts.ts'
import { checkScript } from './sandbox/sandbox.ts'
import { refuseEmptyReferences, refuseReservedSecrets } from './secrets/check-needed-secrets.ts'

export type { Resumed, StartRun } from './queue/start-and-resume-runs.ts'

export interface Runs extends RunQueries {
  /**
   * Returns once the run is recorded; it runs in the background.
   * @throws Fault `usage` for an unknown driver, `conflict` when the pipeline is paused or the server is
   * shutting down, `busy` when the tenant has too many runs waiting for their turn
   */
  start(request: StartRun): Promise<{ runId: string }>
  /**
   * Requests the stop of a run: of its script at once, of its tasks by TERM and after 10 s by KILL. Its `exit` event
   * tells when that is done. A run whose end could not be recorded is recorded as stopped.
   * @returns false when there is no such run or it has ended
   */
  stop(tenantId: string, id: string, reason: string): Promise<boolean>
  /**
   * Starts the next attempt of a failed or stopped run, under the same ID and with the same source: the script gets
   * the reusable responses again, all else is done anew, and its events continue. Returns once the run is queued.
   * @throws Fault `not_found`, `conflict` when it is in progress, has succeeded or its log was removed, and as
   * `start` does
   * @param by the caller, as records show them
   */
  resume(tenantId: string, id: string, by: string): Promise<Resumed>
  /**
   * @throws Fault `usage`: `deploy.ts:3:14: unexpected ;`, its hint the line with a caret; and for a secret that
   * no run is given
   */
  check(tenantId: string, source: string, filename: string): Promise<void>
  /** @throws Fault `usage` for a driver that this server does not have; what its `ready` throws */
  checkDriver(name: string, signal: AbortSignal): Promise<void>
  /** How a run ended whose end could not be recorded so far, as on a full disk; until then it is on record as running. */
  unrecordedEnd(runId: string): RunEnd | undefined
  /** How many runs wait for their turn, and how many are in progress. */
  load(): { waiting: number; inProgress: number }
  /** While a pipeline is paused, none of its waiting runs starts. */
  hold(pipelineId: string, isPaused: boolean): void
  /** Stops the waiting runs of a pipeline. */
  withdraw(pipelineId: string, reason: string): void
  /** Leaves all runs to the next server on this data: their tasks continue where their driver can do that. */
  close(): Promise<void>
}

export interface RunsOptions {
  db: Db
  dataDir: string
  vault: Vault
  clock: Clock
  log: Log
  /** Told of writes that failed. */
  disk?: Pick<DiskSpace, 'note'>
  /** Told of runs that start and end. */
  metrics?: RunCounters
  /** Starts this program as a sandbox child: `runSandboxChild`. Without relative paths, as it starts in `/`. */
  sandboxCommand: readonly string[]
  /** Whether a child is held ready for the next script (`createProcesses`); true where it is not said. */
  holdsSpareSandbox?: boolean | undefined
  /** The server's own environment: where its programs are, and how it reaches the network. */
  env?: Env
  /** Without it, one that allows what `network` allows. */
  guardedFetch?: GuardedFetch
  limits?: Partial<SandboxLimits>
  /** Starts this program as the supervisor of native tasks: `runTasksProcess`. Without it, tasks end with the server. */
  tasksCommand?: readonly string[] | undefined
  /** How long native tasks continue when this server is killed. */
  tasksWaitMs?: number | undefined
  /** Between TERM and KILL. */
  graceMs?: number
  /** In addition to the native one. */
  drivers?: readonly Driver[]
  /** The names of the drivers that new runs may use; undefined: all. */
  allowed?: readonly string[]
  /** How many runs may run at once; the others stay queued. */
  runsAtOnce?: number | undefined
  /** How many runs of one tenant may run at once; without it, as many as of all. */
  runsPerTenant?: number | undefined
  /** How many runs of one tenant may wait for their turn. */
  waitingRuns?: number | undefined
  /** How much output of one run is stored. */
  maxLogBytes?: number | undefined
  /** What scripts may reach; without it, the internet alone. */
  network?: Network
  /** Where secrets come from when no server stores them, for hints. */
  secretSource?: string | undefined
}

const RUNS_AT_ONCE = 16
/** How many scripts are parsed at once. */
const CHECKS_AT_ONCE = 4
const MAX_WAITING = 100
/** Of one response to a script's `fetch`. */
const MAX_FETCH_BYTES = 5 * 1024 * 1024
const MAX_LOG_BYTES = 256 * 1024 * 1024

/** Continues the runs that the server before has left, before anything new starts. */
export async function openRuns(options: RunsOptions): Promise<Runs> {
  const { db, vault, clock, log } = options
  const closing = new AbortController()
  const services = createServices(options)
  // What a server that was killed has left.
  await removeFolder(services.scratchDir)
  const journal = createJournal({ db, clock })
  const drivers = [createNative(options), ...(options.drivers ?? [])]
  // Drivers that are not allowed still remove what an earlier server left on them.
  const allowed = drivers.filter(({ name }) => options.allowed?.includes(name) ?? true)
  const usable = new Map(allowed.map((driver) => [driver.name, driver]))
  const atOnce = options.runsAtOnce ?? RUNS_AT_ONCE
  const held = await pausedPipelines(db)
  const queue = createRunQueue({ atOnce, perTenant: options.runsPerTenant ?? atOnce, held })
  const live = createLiveRuns({ services, journal, queue, closing: closing.signal })
  const maxLogBytes = options.maxLogBytes ?? MAX_LOG_BYTES
  const preparation = createRunPreparation({ db, vault, clock, log, journal, drivers: usable, maxLogBytes })
  const waiting = createPlaces(options.waitingRuns ?? MAX_WAITING)
  const starter = createRunStarter({ db, preparation, live, waiting, closing: closing.signal })
  const checking = createLimiter(CHECKS_AT_ONCE)
  const checked = createCheckedScripts()

  async function stop(tenantId: string, id: string, reason: string): Promise<boolean> {
    if (live.stop(tenantId, id, reason)) return true
    const row = await findRun(db, tenantId, id)
    if (!row || isFinal(row.status)) return false
    return await journal.finishInterrupted(id, { status: 'stopped', message: reason })
  }

  async function check(tenantId: string, source: string, filename: string): Promise<void> {
    refuseReservedSecrets(source, filename)
    refuseEmptyReferences(source, filename)
    const { signal } = closing
    const onCrash = () => log.error('sandbox broke', { filename })
    const sandbox = { start: services.processes.take, limits: services.limits, signal, onCrash }
    await checking.run(async () => {
      if (checked.isGood({ tenantId, source, filename })) return
      await checkScript(sandbox, { source, filename })
      checked.addGood({ tenantId, source, filename })
    }, signal)
  }

  async function close(): Promise<void> {
    closing.abort(new Fault('interrupted', 'the server was shut down'))
    await starter.settled()
    const left = await live.detach()
    await services.processes.close()
    if (left > 0) return log.info('runs are left to the next server', { runs: left })
    for (const driver of drivers) await driver.close()
  }

  const { cleanUp, unrecorded } = live
  const launch = starter.continueInterrupted
  await continueInterruptedRuns({ db, log, journal, preparation, cleanUp, drivers, launch })
  return {
    ...createRunQueries({ db, vault, journal }),
    start: starter.start,
    stop,
    resume: starter.resume,
    check,
    checkDriver: async (name, signal) => await driverOf(usable, name).ready?.(signal),
    unrecordedEnd: unrecorded,
    load: () => ({ waiting: waiting.total(), inProgress: Math.max(0, live.count() - waiting.total()) }),
    hold: queue.hold,
    withdraw: queue.withdraw,
    close,
  }
}

function createServices(options: RunsOptions): ExecutionServices {
  const { db, dataDir, vault, clock, log, sandboxCommand, env = {}, network = openNetwork([]) } = options
  const limits = { ...SANDBOX_LIMITS, ...options.limits }
  return {
    db,
    vault,
    clock,
    log,
    disk: options.disk ?? { note: isDiskFull },
    metrics: options.metrics ?? { runStarted: () => {}, runEnded: () => {} },
    network,
    guardedFetch: options.guardedFetch ?? createGuardedFetch({ network, maxResponseBytes: MAX_FETCH_BYTES }),
    processes: createProcesses(sandboxCommand, limits, options.holdsSpareSandbox),
    limits,
    env,
    scratchDir: join(dataDir, 'scratch'),
    secretSource: options.secretSource,
  }
}

function createNative({ dataDir, clock, graceMs, tasksCommand, tasksWaitMs }: RunsOptions): Driver {
  return createNativeDriver({
    dataDir,
    clock,
    ...(graceMs === undefined ? {} : { graceMs }),
    command: tasksCommand,
    waitMs: tasksWaitMs,
  })
}

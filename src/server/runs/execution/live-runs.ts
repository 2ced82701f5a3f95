/** The runs that are in progress on this server, from their launch until their end is recorded. */
import { Fault } from '../../../contract/fault.ts'
import type { Driver } from '../drivers/driver-interface.ts'
import type { Journal } from '../journal/journal.ts'
import type { RunEnd, RunJournal } from '../journal/run-journal-type.ts'
import type { QueuedRun, RunQueue } from '../queue/run-queue.ts'
import { endOfDefect } from './conclude-run.ts'
import { type ExecutionServices, execute, type Execution } from './execute-run.ts'
import { createEndRecorder } from './retry-recording-run-end.ts'
import { watchTimeLimit } from './run-time-limit.ts'

interface LiveRunsOptions {
  services: ExecutionServices
  journal: Journal
  queue: RunQueue
  /** Fires when the server shuts down: runs are then left to the next one. */
  closing: AbortSignal
}

export interface LiveRuns {
  has(runId: string): boolean
  /** Of all runs, those too that wait for their turn. */
  count(): number
  /**
   * Executes a run when its turn has come.
   * @param leaveWaiting gives up its place among the runs that wait
   */
  launch(run: Execution, leaveWaiting: () => void): void
  /** Stops a run, whether it waits or runs. @returns false when no such run is here */
  stop(tenantId: string, runId: string, reason: string): boolean
  /** How a run ended whose end could not be recorded so far. */
  unrecorded(runId: string): RunEnd | undefined
  /** Removes what a run that has ended had on a driver; never rejects. */
  cleanUp(driver: Driver, runId: string): Promise<void>
  /**
   * To be called after `closing` has fired. Resolves when no run is in progress here any more.
   * @returns how many runs are left to the next server
   */
  detach(): Promise<number>
}

interface LiveRun {
  tenantId: string
  stop: AbortController
  journal: RunJournal
  done: Promise<void>
}

export function createLiveRuns({ services, journal, queue, closing }: LiveRunsOptions): LiveRuns {
  const { clock, log } = services
  const live = new Map<string, LiveRun>()
  const ends = createEndRecorder({ ...services, journal, closing, isLive: (runId) => live.has(runId) })

  function launch(run: Execution, leaveWaiting: () => void): void {
    const runId = run.context.runID
    const { tenantId, journal, pipeline, concurrency, wasStarted } = run
    services.metrics.runStarted()
    const stop = new AbortController()
    const place = {
      runId,
      tenantId,
      pipelineId: pipeline.id,
      concurrency,
      wasStarted,
      stop: (reason: string) => requestStop({ journal, stop }, reason),
    }
    const done = runToEnd(run, place, stop.signal, leaveWaiting)
    live.set(runId, { tenantId, stop, journal, done })
    void done.finally(() => {
      live.delete(runId)
      run.exchange?.ended()
    })
  }

  /** Never rejects: whatever happens, the end of the run is recorded, as far as anything can be recorded. */
  async function runToEnd(
    run: Execution,
    place: QueuedRun,
    stop: AbortSignal,
    leaveWaiting: () => void,
  ): Promise<void> {
    const end = await queue
      .run(place, () => executeInTime(run, place, stop, leaveWaiting), AbortSignal.any([stop, closing]))
      .finally(leaveWaiting)
      .catch((error: unknown) => endOfBroken(run, stop, error))
    if (!end) return
    await cleanUp(run.driver, run.context.runID)
    const redactions = run.redactor.report()
    services.metrics.runEnded(
      end.status,
      redactions.reduce((sum, { hits }) => sum + hits, 0),
    )
    await ends.record(run, { ...end, redactions })
  }

  async function executeInTime(
    run: Execution,
    place: QueuedRun,
    stop: AbortSignal,
    leaveWaiting: () => void,
  ): Promise<RunEnd | undefined> {
    leaveWaiting()
    const unwatch = run.timeLimit && watchTimeLimit(run.timeLimit, clock, place.stop)
    return await execute(run, services, { stop, detach: closing }).finally(unwatch)
  }

  /** How a run ended that could not be executed to its end; undefined when it is left to the next server. */
  function endOfBroken(run: Execution, stop: AbortSignal, error: unknown): RunEnd | undefined {
    if (closing.aborted && !stop.aborted) return undefined
    if (stop.aborted)
      return { status: 'stopped', message: error instanceof Fault ? error.message : 'stopped' }
    return endOfDefect(run, error, services)
  }

  async function cleanUp(driver: Driver, runId: string): Promise<void> {
    await driver.cleanUp(runId).catch(() => log.warn('a run left files behind', { run: runId }))
  }

  /** The reason is recorded first, so that the next server does not continue the run if this one is killed meanwhile. */
  function requestStop({ journal, stop }: Pick<LiveRun, 'journal' | 'stop'>, reason: string): void {
    try {
      journal.stopping(reason)
    } catch {
      // It is stopped all the same, as long as this server lives.
    }
    stop.abort(new Fault('interrupted', reason))
  }

  function stop(tenantId: string, runId: string, reason: string): boolean {
    const run = live.get(runId)
    if (!run || run.tenantId !== tenantId) return false
    requestStop(run, reason)
    return true
  }

  async function detach(): Promise<number> {
    const left = [...live.values()].filter((run) => !run.stop.signal.aborted)
    for (const run of left) run.journal.detach()
    await Promise.all([...live.values()].map((run) => run.done))
    return left.length
  }

  return {
    has: (runId) => live.has(runId),
    count: () => live.size,
    launch,
    stop,
    unrecorded: ends.unrecorded,
    cleanUp,
    detach,
  }
}

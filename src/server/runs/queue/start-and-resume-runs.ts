/** Admits runs: new ones, and ended ones that are resumed, as far as their tenant may have more of them waiting. */
import { isFinal } from '../../../contract/run-events.ts'
import { Fault } from '../../../contract/fault.ts'
import type { Db } from '../../db/open-database.ts'
import type { Execution } from '../execution/execute-run.ts'
import type { LiveRuns } from '../execution/live-runs.ts'
import type { RunPreparation, RunRequest } from '../execution/prepare-run.ts'
import { findRun, lastEvent } from '../journal/read-run-records.ts'
import { logRemoved } from '../journal/write-run-rows.ts'
import { hasSucceeded, isInProgress, paused } from './start-and-resume-refusals.ts'
import type { Places } from './limit-waiting-runs.ts'

/** A refused caller is told to wait this long: nobody knows how long runs take. */
const RETRY_AFTER_S = 10

export interface StartRun extends RunRequest {
  pipeline: RunRequest['pipeline'] & {
    /** Absent: it is not. */
    paused?: boolean
  }
}

/** The attempt that a run was resumed with. */
export interface Resumed {
  attempt: number
  /** Its events have numbers over this one. */
  lastEventId: number
  /** Whether the pipeline has another source by now; the attempt runs that of the first. */
  sourceChanged: boolean
}

interface RunStarterOptions {
  db: Db
  preparation: RunPreparation
  live: LiveRuns
  /** For the runs of each tenant that wait for their turn. */
  waiting: Places
  /** Fires when the server shuts down: nothing is admitted any more. */
  closing: AbortSignal
}

interface RunStarter {
  start(request: StartRun): Promise<{ runId: string }>
  resume(tenantId: string, id: string, by: string): Promise<Resumed>
  /** Launches a run that an earlier server has admitted, however many wait. */
  continueInterrupted(run: Execution): void
  /** Resolves when nothing is being admitted. */
  settled(): Promise<void>
}

export function createRunStarter({ db, preparation, live, waiting, closing }: RunStarterOptions): RunStarter {
  const starting = new Set<Promise<unknown>>()
  const resuming = new Set<string>()

  async function start(request: StartRun): Promise<{ runId: string }> {
    if (request.pipeline.paused === true) throw paused(request.pipeline.name)
    const run = await admit(request.tenantId, () => preparation.create(request))
    return { runId: run.context.runID }
  }

  async function resume(tenantId: string, id: string, by: string): Promise<Resumed> {
    const row = await findRun(db, tenantId, id)
    if (!row) throw new Fault('not_found', `there is no run ${id}`)
    if (row.status === 'success') throw hasSucceeded(row)
    if (row.logRemovedAt !== null) throw logRemoved()
    if (live.has(id) || !isFinal(row.status)) throw isInProgress(row)
    if (resuming.has(id)) throw new Fault('conflict', 'the run is being resumed')
    resuming.add(id)
    try {
      const lastEventId = await lastEvent(db, id)
      const run = await admit(tenantId, () => preparation.resume(row, by))
      return { attempt: run.journal.attempt, lastEventId, sourceChanged: run.sourceChanged }
    } finally {
      resuming.delete(id)
    }
  }

  /** Launches a run once `prepare` has recorded it: at once, or when its turn comes. */
  async function admit(tenantId: string, prepare: () => Promise<Execution>): Promise<Execution> {
    if (closing.aborted) throw new Fault('conflict', 'the server is shutting down')
    const leaveWaiting = waiting.take(tenantId)
    if (!leaveWaiting) {
      throw new Fault('busy', `too many runs are waiting for their turn (at most ${waiting.most})`, {
        hint: 'wait until some have started, or stop some with: fob runs stop RUN',
        retryAfter: RETRY_AFTER_S,
      })
    }
    const preparing = prepare()
    starting.add(preparing)
    try {
      const run = await preparing
      live.launch(run, leaveWaiting)
      return run
    } catch (error) {
      leaveWaiting()
      throw error
    } finally {
      starting.delete(preparing)
    }
  }

  return {
    start,
    resume,
    continueInterrupted: (run) => live.launch(run, waiting.take(run.tenantId) ?? (() => {})),
    settled: async () => void (await Promise.allSettled(starting)),
  }
}

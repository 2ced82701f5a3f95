/** Records the end of a run, with retries while the database cannot be written. */
import { isFinal } from '../../../contract/run-events.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import type { DiskSpace } from '../../disk-space.ts'
import type { Log } from '../../log.ts'
import type { Vault } from '../../vault/vault-interface.ts'
import type { Journal } from '../journal/journal.ts'
import { RunDetached, type RunEnd } from '../journal/run-journal-type.ts'
import { findAnyRun } from '../journal/read-run-records.ts'
import type { Execution } from './execute-run.ts'
import { removeRunInput } from './redact-and-store-run-input.ts'

/** The wait before an end is recorded again that the run's journal has given up on. */
const RETRY_MS = 5000

interface EndRecorderOptions {
  db: Db
  journal: Journal
  vault: Vault
  clock: Clock
  log: Log
  closing: AbortSignal
  disk: Pick<DiskSpace, 'note'>
  /** Whether the run is in progress here, as one that was resumed is. */
  isLive(runId: string): boolean
}

type EndedRun = Pick<Execution, 'tenantId' | 'pipeline' | 'context' | 'journal' | 'redactor'>

export interface EndRecorder {
  /** Never rejects. */
  record(run: EndedRun, end: RunEnd): Promise<void>
  /** How a run ended whose end could not be recorded so far. */
  unrecorded(runId: string): RunEnd | undefined
}

/**
 * Records how a run ended. Where that cannot be done, as on a full disk, the followers of the run are
 * released, and it is tried again until it works or another end is recorded, by `stop` or by the next server.
 */
export function createEndRecorder(options: EndRecorderOptions): EndRecorder {
  const { db, journal, vault, clock, log, closing, disk, isLive } = options
  const unrecorded = new Map<string, RunEnd>()

  async function afterEnd({ tenantId, pipeline, context }: EndedRun, { status }: RunEnd): Promise<void> {
    if (status === 'success') await removeRunInput({ vault, tenantId, runId: context.runID })
    log.info('run ended', { run: context.runID, pipeline: pipeline.name, status })
  }

  /** @returns whether there is nothing left to do */
  async function recordLate(run: EndedRun, end: RunEnd): Promise<boolean> {
    const { runID } = run.context
    const row = await findAnyRun(db, runID)
    if (!row || isFinal(row.status)) return true
    if (!(await journal.finishInterrupted(runID, end))) return false
    await afterEnd(run, end)
    return true
  }

  /** @throws the reason of `closing` */
  async function keepTrying(run: EndedRun, end: RunEnd): Promise<void> {
    for (;;) {
      await clock.sleep(RETRY_MS, closing)
      if (isLive(run.context.runID) || (await recordLate(run, end).catch(() => false))) return
    }
  }

  async function record(run: EndedRun, end: RunEnd): Promise<void> {
    const { runID } = run.context
    try {
      await run.journal.finish(end)
      await afterEnd(run, end)
    } catch (error) {
      if (error instanceof RunDetached) return
      disk.note(error)
      const text = run.redactor.text(String(error))
      log.error('the end of a run could not be recorded', { run: runID, error: text })
      unrecorded.set(runID, end)
      keepTrying(run, end)
        .catch(() => {})
        .finally(() => unrecorded.delete(runID))
    }
  }

  return { record, unrecorded: (runId) => unrecorded.get(runId) }
}

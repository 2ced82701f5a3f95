import { isFinal } from '../../../contract/run-events.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import type { Log } from '../../log.ts'
import type { Vault } from '../../vault/vault.ts'
import type { Execution } from './execute-run.ts'
import { forgetHandedIn } from './run-input.ts'
import type { Journal, RunEnd } from '../journal/journal.ts'
import { findAnyRun } from '../journal/run-records.ts'

/** Until an end is tried again that the journal has given up on. */
const AGAIN_MS = 30_000

export interface EndingOptions {
  db: Db
  journal: Journal
  vault: Vault
  clock: Clock
  log: Log
  closing: AbortSignal
  /** Whether the run goes on here, as one that was resumed does. */
  isLive(runId: string): boolean
}

type Ended = Pick<Execution, 'tenantId' | 'pipeline' | 'context' | 'journal' | 'redactor'>

/**
 * Records how runs end; never rejects. Where that cannot be done, as on a full disk, who follows the run is let go,
 * and it is tried again until it works or another end is recorded, by `stop` or the next server.
 */
export function createEnding(options: EndingOptions): (run: Ended, end: RunEnd) => Promise<void> {
  const { db, journal, vault, clock, log, closing, isLive } = options

  async function conclude({ tenantId, pipeline, context }: Ended, { status }: RunEnd): Promise<void> {
    if (status === 'success') await forgetHandedIn({ vault, tenantId, runId: context.runID })
    log.info('run ended', { run: context.runID, pipeline: pipeline.name, status })
  }

  /** @returns whether there is nothing left to do. */
  async function recordLate(run: Ended, end: RunEnd): Promise<boolean> {
    const { runID } = run.context
    const row = await findAnyRun(db, runID)
    if (!row || isFinal(row.status)) return true
    if (!(await journal.endLeftBehind(runID, end))) return false
    await conclude(run, end)
    return true
  }

  /** @throws the reason of `closing` */
  async function keepTrying(run: Ended, end: RunEnd): Promise<void> {
    for (;;) {
      await clock.sleep(AGAIN_MS, closing)
      if (isLive(run.context.runID) || (await recordLate(run, end).catch(() => false))) return
    }
  }

  return async (run, end) => {
    try {
      await run.journal.finish(end)
      await conclude(run, end)
    } catch (error) {
      const text = run.redactor.text(String(error))
      log.error('the end of a run could not be recorded', { run: run.context.runID, error: text })
      keepTrying(run, end).catch(() => {})
    }
  }
}

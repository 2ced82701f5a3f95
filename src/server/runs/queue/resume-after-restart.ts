/** Continues the runs that an earlier server left interrupted. */
import { Fault } from '../../../contract/fault.ts'
import type { Db } from '../../db/open-database.ts'
import type { Log } from '../../log.ts'
import type { Driver } from '../drivers/driver-interface.ts'
import type { Execution } from '../execution/execute-run.ts'
import type { RunPreparation } from '../execution/prepare-run.ts'
import type { Journal } from '../journal/journal.ts'
import type { RunEnd } from '../journal/run-journal-type.ts'
import { findAnyRun } from '../journal/read-run-records.ts'

/** How often in a row a run is continued without any progress: a run that kills its server must not do so for ever. */
const MAX_RESTARTS = 5

interface ContinueOptions {
  db: Db
  log: Log
  journal: Journal
  /** All, also those that no new run may use. */
  drivers: readonly Driver[]
  preparation: RunPreparation
  /** Executes a run at once, or when its turn comes. */
  launch(run: Execution): void
  /** Removes what a run that has ended had on a driver; never rejects. */
  cleanUp(driver: Driver, runId: string): Promise<void>
}

/** Runs that cannot be continued are recorded as ended, with the reason. */
export async function continueInterruptedRuns(options: ContinueOptions): Promise<void> {
  const { db, log, journal, drivers, preparation, launch, cleanUp } = options

  async function continueRun(id: string): Promise<void> {
    const row = await findAnyRun(db, id)
    if (!row) return
    if (row.stopReason !== null) return await end(id, { status: 'stopped', message: row.stopReason })
    // A run that waits has done nothing yet, and so no harm.
    if (row.status === 'running' && journal.countRestart(id) > MAX_RESTARTS) {
      log.warn('a run is not continued any more', { run: id })
      const message = `the server was killed ${MAX_RESTARTS + 1} times while this run was in progress, and the run got no further`
      return await end(id, { status: 'failed', message })
    }
    try {
      launch(await preparation.reopen(row))
      log.info('run continued after a restart', { run: id })
    } catch (error) {
      log.warn('a run could not be continued', { run: id })
      const why = error instanceof Fault ? `: ${error.message}` : ''
      const message = `the server stopped while this run was in progress, and it cannot be continued${why}`
      await end(id, { status: 'failed', message })
    }
  }

  async function end(id: string, how: RunEnd): Promise<void> {
    for (const driver of drivers) await cleanUp(driver, id)
    await journal.finishInterrupted(id, how)
  }

  const interrupted = await journal.interrupted()
  for (const driver of drivers) await driver.sweep(new Set(interrupted))
  for (const id of interrupted) await continueRun(id)
}

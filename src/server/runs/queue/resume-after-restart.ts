import { Fault } from '../../../contract/fault.ts'
import type { Db } from '../../db/open-database.ts'
import type { Log } from '../../log.ts'
import type { Driver } from '../drivers/driver.ts'
import type { Execution } from '../execution/execute-run.ts'
import type { Journal, RunEnd } from '../journal/journal.ts'
import type { Prepare } from '../execution/prepare-run.ts'
import { findAnyRun } from '../journal/run-records.ts'

/** In a row, without getting further: a run that kills its server does not do so for ever. */
const MAX_TAKE_UPS = 5

export interface TakeUpOptions {
  db: Db
  log: Log
  journal: Journal
  /** All, those too on which nothing new is run. */
  drivers: readonly Driver[]
  prepare: Prepare
  /** Lets a run go on, or wait for its turn. */
  launch(run: Execution, begun: boolean): void
  /** Removes what a run that has ended had on a driver; never rejects. */
  cleanUp(driver: Driver, runId: string): Promise<void>
}

/** Goes on with the runs that the server before has left; those that cannot go on end with the reason. */
export async function takeUpRuns(options: TakeUpOptions): Promise<void> {
  const { db, log, journal, drivers, prepare, launch, cleanUp } = options

  async function takeUp(id: string): Promise<void> {
    const row = await findAnyRun(db, id)
    if (!row) return
    if (row.stopReason !== null) return await endLeft(id, { status: 'stopped', message: row.stopReason })
    // One that waits has done nothing yet, and so no harm.
    if (row.status === 'running' && journal.noteTakeUp(id) > MAX_TAKE_UPS) {
      log.warn('a run is not taken up again', { run: id })
      const message = `the server was killed ${MAX_TAKE_UPS + 1} times while this run was going on and got no further`
      return await endLeft(id, { status: 'failed', message })
    }
    try {
      launch(await prepare.takeUp(row), row.status === 'running')
      log.info('run taken up', { run: id })
    } catch (error) {
      log.warn('a run could not be taken up', { run: id })
      const why = error instanceof Fault ? `: ${error.message}` : ''
      const message = `the server stopped while this run was going on, and it cannot be taken up${why}`
      await endLeft(id, { status: 'failed', message })
    }
  }

  async function endLeft(id: string, end: RunEnd): Promise<void> {
    for (const driver of drivers) await cleanUp(driver, id)
    await journal.endLeftBehind(id, end)
  }

  const left = await journal.leftBehind()
  for (const driver of drivers) await driver.sweep(new Set(left))
  for (const id of left) await takeUp(id)
}

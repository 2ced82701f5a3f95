/** Removes logs and records of runs that have ended, by their age and by the room that logs take. */
import { and, asc, eq, gt, notInArray } from 'drizzle-orm'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import { giveBackPages } from '../../db/release-free-pages.ts'
import type { Db } from '../../db/open-database.ts'
import { removeOrphanedRule } from '../../db/remove-deleted-pipeline-rule.ts'
import { runs } from '../../db/schema.ts'
import type { Log } from '../../log.ts'
import type { Vault } from '../../vault/vault-interface.ts'
import { createLogRemover, type EndedRun } from './remove-logs.ts'

const DAY_MS = 24 * 60 * 60_000
const KEEP_LOGS_MS = 90 * DAY_MS
const KEEP_LOGS_BYTES = 10 * 1024 ** 3
/** How many records are read at once. */
const PAGE = 500

export interface RetentionOptions {
  db: Db
  vault: Vault
  clock: Clock
  log: Log
  /** How long after a run's end its log is stored; `Infinity`: for ever. Default: 90 days. */
  keepLogsMs?: number | undefined
  /** What the logs of all ended runs may take together. Default: 10 GiB. */
  keepLogsBytes?: number | undefined
  /** How long after its end the record of a run is stored. Default: for ever. */
  keepRunsMs?: number | undefined
}

interface Retention {
  /**
   * Removes the logs that are too old, then the oldest ones until the rest has room, then the records that are too
   * old. With a log, all that its run could be resumed with is removed; the last event, the exit, stays as long as
   * the record. Works in small transactions, between which requests are served. A call during a purge waits for
   * that purge.
   * @throws Fault `interrupted` when the server shuts down
   */
  purgeExpired(): Promise<void>
  /** Stops a purge; the next server continues it. */
  close(): Promise<void>
}

export function openRetention(options: RetentionOptions): Retention {
  const { db, vault, clock, log } = options
  const keepLogsMs = options.keepLogsMs ?? KEEP_LOGS_MS
  const keepLogsBytes = options.keepLogsBytes ?? KEEP_LOGS_BYTES
  const keepRunsMs = options.keepRunsMs ?? Infinity
  const closing = new AbortController()
  const logs = createLogRemover({ db, vault, clock, log, keepLogsMs, keepLogsBytes, yieldToRequests })
  let purging: Promise<void> | undefined

  async function purge(): Promise<void> {
    const removedLogs = await logs.removeLogs()
    const records = keepRunsMs === Infinity ? 0 : await removeRecords()
    while (giveBackPages(db)) await yieldToRequests()
    if (removedLogs + records > 0) {
      log.info('old logs and records of runs removed', { logs: removedLogs, records })
    }
  }

  /** IDs of runs sort by the time of their creation: behind the first run that is too young, none is old enough. */
  async function removeRecords(): Promise<number> {
    const until = clock.now() - keepRunsMs
    let removed = 0
    let after = ''
    for (;;) {
      const page = db
        .select({
          id: runs.id,
          tenantId: runs.tenantId,
          pipeline: { id: runs.pipelineId, name: runs.pipelineName },
          createdAt: runs.createdAt,
          endedAt: runs.endedAt,
        })
        .from(runs)
        .where(gt(runs.id, after))
        .orderBy(asc(runs.id))
        .limit(PAGE)
        .all()
      for (const { id, tenantId, pipeline, createdAt, endedAt } of page) {
        if (createdAt >= until) return removed
        if (endedAt === null || endedAt >= until) continue
        const run = { id, tenantId, endedAt, logRemovedAt: null }
        if (await removeRecord(run, pipeline)) removed += 1
      }
      const last = page.at(-1)
      if (!last) return removed
      after = last.id
    }
  }

  /** Removes its log too, if it still has one, and the rule of a removed pipeline with the last of its runs. */
  async function removeRecord(run: EndedRun, pipeline: { id: string; name: string }): Promise<boolean> {
    const [stored] = db.select({ bytes: runs.logBytes }).from(runs).where(eq(runs.id, run.id)).all()
    if (stored && stored.bytes !== null && !(await logs.removeLog(run))) return false
    const ended = and(eq(runs.id, run.id), notInArray(runs.status, ['queued', 'running']))
    db.transaction(
      (tx) => {
        tx.delete(runs).where(ended).run()
        removeOrphanedRule(tx, { ...pipeline, tenantId: run.tenantId })
      },
      { behavior: 'immediate' },
    )
    await yieldToRequests()
    return true
  }

  async function yieldToRequests(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
    closing.signal.throwIfAborted()
  }

  async function purgeExpired(): Promise<void> {
    closing.signal.throwIfAborted()
    purging ??= purge().finally(() => (purging = undefined))
    await purging
  }

  async function close(): Promise<void> {
    closing.abort(new Fault('interrupted', 'the server was shut down'))
    await purging?.catch(() => {})
  }

  return { purgeExpired, close }
}

/** Removes logs and records of runs that have ended, by their age and by the room that logs take. */
import { and, asc, eq, gt, isNotNull, ne, notInArray, sql, type SQL } from 'drizzle-orm'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import { giveBackPages } from '../../db/release-free-pages.ts'
import type { Db } from '../../db/open-database.ts'
import { removeRuleOfNone } from '../../db/orphaned-rules.ts'
import { runEvents, runs, storedLogs } from '../../db/schema.ts'
import { runAnswers, runScripts } from '../../db/run-journal-schema.ts'
import type { Log } from '../../log.ts'
import type { Vault } from '../../vault/vault.ts'
import { removeRunInput } from '../execution/run-input.ts'

const DAY_MS = 24 * 60 * 60_000
const KEEP_LOGS_MS = 90 * DAY_MS
const KEEP_LOGS_BYTES = 10 * 1024 ** 3
/** A run that ended this recently keeps its log, so that its followers see its end, however little room there is. */
const RECENT_MS = 10 * 60_000

/** What is deleted in one transaction: this takes about a millisecond, in which no request is answered. */
const MAX_ROWS = 500
const MAX_BYTES = 128 * 1024

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

interface EndedRun {
  id: string
  tenantId: string
  endedAt: number
  logRemovedAt: number | null
}

export function openRetention(options: RetentionOptions): Retention {
  const { db, vault, clock, log } = options
  const keepLogsMs = options.keepLogsMs ?? KEEP_LOGS_MS
  const keepLogsBytes = options.keepLogsBytes ?? KEEP_LOGS_BYTES
  const keepRunsMs = options.keepRunsMs ?? Infinity
  const closing = new AbortController()
  let purging: Promise<void> | undefined

  async function purge(): Promise<void> {
    const logs = await removeLogs()
    const records = keepRunsMs === Infinity ? 0 : await removeRecords()
    while (giveBackPages(db)) await yieldToRequests()
    if (logs + records > 0) log.info('old logs and records of runs removed', { logs, records })
  }

  async function removeLogs(): Promise<number> {
    let removed = 0
    for (let run = oldestWithLog(); run && isDue(run); run = oldestWithLog(run)) {
      if (await removeLog(run)) removed += 1
    }
    return removed
  }

  /** A run whose log could not be removed is passed over until the next purge. */
  function oldestWithLog(after = { endedAt: -1, id: '' }): EndedRun | undefined {
    const isLater = sql`(${runs.endedAt}, ${runs.id}) > (${after.endedAt}, ${after.id})`
    const [run] = db
      .select({
        id: runs.id,
        tenantId: runs.tenantId,
        endedAt: sql<number>`${runs.endedAt}`,
        logRemovedAt: runs.logRemovedAt,
      })
      .from(runs)
      .where(and(isNotNull(runs.logBytes), isLater))
      .orderBy(asc(runs.endedAt), asc(runs.id))
      .limit(1)
      .all()
    return run
  }

  function isDue({ endedAt, logRemovedAt }: EndedRun): boolean {
    const age = clock.now() - endedAt
    // An earlier server has started to remove it, or its secret could not be removed.
    if (logRemovedAt !== null || age >= keepLogsMs) return true
    if (age < RECENT_MS) return false
    const [stored] = db.select().from(storedLogs).all()
    return (stored?.bytes ?? 0) > keepLogsBytes
  }

  /** @returns false when the run was resumed, or something of it could not be removed */
  async function removeLog({ id, tenantId }: EndedRun): Promise<boolean> {
    if (!markRemoved(id)) return false
    await deleteRows(runEvents, and(eq(runEvents.runId, id), ne(runEvents.type, 'exit')))
    await deleteRows(runAnswers, eq(runAnswers.runId, id))
    const isThis = eq(runs.id, id)
    try {
      await removeSecret(id, tenantId)
    } catch {
      log.warn('the input of a run could not be removed', { run: id })
      db.update(runs).set({ logBytes: 0 }).where(isThis).run()
      return false
    }
    db.transaction(
      (tx) => {
        tx.delete(runScripts).where(eq(runScripts.runId, id)).run()
        tx.update(runs).set({ logBytes: null }).where(isThis).run()
      },
      { behavior: 'immediate' },
    )
    return true
  }

  /** Happens first, so that a part of a log is never taken for the whole, and the run is not resumed. */
  function markRemoved(id: string): boolean {
    const logRemovedAt = sql`coalesce(${runs.logRemovedAt}, ${clock.now()})`
    const marked = db
      .update(runs)
      .set({ logRemovedAt })
      .where(and(eq(runs.id, id), isNotNull(runs.logBytes)))
      .returning({ id: runs.id })
      .all()
    return marked.length > 0
  }

  async function removeSecret(runId: string, tenantId: string): Promise<void> {
    const [script] = db
      .select({ handedIn: runScripts.handedIn })
      .from(runScripts)
      .where(eq(runScripts.runId, runId))
      .all()
    if (script?.handedIn === null) await removeRunInput({ vault, tenantId, runId })
  }

  async function deleteRows(table: typeof runEvents | typeof runAnswers, which: SQL | undefined) {
    const text = 'data' in table ? table.data : table.json
    for (;;) {
      const rows = db
        .select({ rowid: sql<number>`rowid`, bytes: sql<number>`octet_length(${text})` })
        .from(table)
        .where(which)
        .limit(MAX_ROWS)
        .all()
      if (rows.length === 0) return
      const some = JSON.stringify(upTo(MAX_BYTES, rows))
      db.delete(table)
        .where(sql`rowid IN (SELECT value FROM json_each(${some}))`)
        .run()
      await yieldToRequests()
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
        .limit(MAX_ROWS)
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
    const [log] = db.select({ bytes: runs.logBytes }).from(runs).where(eq(runs.id, run.id)).all()
    if (log && log.bytes !== null && !(await removeLog(run))) return false
    const ended = and(eq(runs.id, run.id), notInArray(runs.status, ['queued', 'running']))
    db.transaction(
      (tx) => {
        tx.delete(runs).where(ended).run()
        removeRuleOfNone(tx, { ...pipeline, tenantId: run.tenantId })
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

/** As many of the first rows as have no more than `most` bytes together, and at least one. */
function upTo(most: number, rows: readonly { rowid: number; bytes: number }[]): number[] {
  let sum = 0
  const more = rows.findIndex(({ bytes }) => (sum += bytes) > most)
  return rows.slice(0, more === -1 ? rows.length : Math.max(1, more)).map(({ rowid }) => rowid)
}

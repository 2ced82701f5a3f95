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
import { forgetHandedIn } from '../execution/run-input.ts'

const DAY_MS = 24 * 60 * 60_000
const KEEP_LOGS_MS = 90 * DAY_MS
const KEEP_LOGS_BYTES = 10 * 1024 ** 3
/** Whoever follows a run sees its end, however little room there is. */
const RECENT_MS = 10 * 60_000

/** What is deleted in one transaction: a millisecond, in which no request is answered. */
const MAX_ROWS = 500
const MAX_BYTES = 128 * 1024

export interface RetentionOptions {
  db: Db
  vault: Vault
  clock: Clock
  log: Log
  /** How long after a run's end its log stays; `Infinity`: for ever. */
  keepLogsMs?: number | undefined
  /** What the logs of all runs that have ended may take. */
  keepLogsBytes?: number | undefined
  /** How long after its end a run stays on record; for ever, unless it is told. */
  keepRunsMs?: number | undefined
}

/** How long what runs leave behind is kept. */
export interface Retention {
  /**
   * Removes the logs that are too old, then the oldest ones until the rest has room; then the records that are too
   * old. A log goes with all that its run could be resumed with; its last event, the exit, stays as long as the
   * record. In small transactions, between which requests have their turn. Who calls while it goes on waits for it.
   */
  purgeExpired(): Promise<void>
  /** Ends what goes on; the next server goes on with it. */
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
  let going: Promise<void> | undefined

  async function sweep(): Promise<void> {
    const logs = await removeLogs()
    const records = keepRunsMs === Infinity ? 0 : await removeRecords()
    while (giveBackPages(db)) await letOthers()
    if (logs + records > 0) log.info('what old runs left was removed', { logs, records })
  }

  async function removeLogs(): Promise<number> {
    let removed = 0
    for (let run = oldestWithLog(); run && isDue(run); run = oldestWithLog(run)) {
      if (await removeLog(run)) removed += 1
    }
    return removed
  }

  /** Those that it could not be done with are passed over until the next time. */
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
    // One that a server before has begun with, or whose secret could not be removed.
    if (logRemovedAt !== null || age >= keepLogsMs) return true
    if (age < RECENT_MS) return false
    const [stored] = db.select().from(storedLogs).all()
    return (stored?.bytes ?? 0) > keepLogsBytes
  }

  /** @returns false when the run goes on again, or something of it could not be removed */
  async function removeLog({ id, tenantId }: EndedRun): Promise<boolean> {
    if (!markRemoved(id)) return false
    await deleteRows(runEvents, and(eq(runEvents.runId, id), ne(runEvents.type, 'exit')))
    await deleteRows(runAnswers, eq(runAnswers.runId, id))
    const isThis = eq(runs.id, id)
    try {
      await forgetSecret(id, tenantId)
    } catch {
      log.warn('what was handed to a run could not be removed', { run: id })
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

  /** First of all, so that nobody takes a part of a log for the whole, or resumes the run. */
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

  async function forgetSecret(runId: string, tenantId: string): Promise<void> {
    const [script] = db
      .select({ handedIn: runScripts.handedIn })
      .from(runScripts)
      .where(eq(runScripts.runId, runId))
      .all()
    if (script?.handedIn === null) await forgetHandedIn({ vault, tenantId, runId })
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
      await letOthers()
    }
  }

  /** IDs of runs sort by when they began, so no run ends before those behind it began. */
  async function removeRecords(): Promise<number> {
    const until = clock.now() - keepRunsMs
    let removed = 0
    for (let after = ''; ;) {
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

  /** With its log, if it still has one, and with the rule before it when it was the last of a pipeline that is gone. */
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
    await letOthers()
    return true
  }

  async function letOthers(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
    closing.signal.throwIfAborted()
  }

  async function purgeExpired(): Promise<void> {
    closing.signal.throwIfAborted()
    going ??= sweep().finally(() => (going = undefined))
    await going
  }

  async function close(): Promise<void> {
    closing.abort(new Fault('interrupted', 'the server was shut down'))
    await going?.catch(() => {})
  }

  return { purgeExpired, close }
}

/** The first rows that are no more than so many bytes together, and one at least. */
function upTo(most: number, rows: readonly { rowid: number; bytes: number }[]): number[] {
  let sum = 0
  const more = rows.findIndex(({ bytes }) => (sum += bytes) > most)
  return rows.slice(0, more === -1 ? rows.length : Math.max(1, more)).map(({ rowid }) => rowid)
}

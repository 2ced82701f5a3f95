/** Removes the logs of runs that have ended, with all that those runs could be resumed with. */
import { and, asc, eq, isNotNull, ne, sql, type SQL } from 'drizzle-orm'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import { runEvents, runs, storedLogs } from '../../db/schema.ts'
import { runAnswers, runScripts } from '../../db/run-journal-schema.ts'
import type { Log } from '../../log.ts'
import type { Vault } from '../../vault/vault-interface.ts'
import { removeRunInput } from '../execution/redact-and-store-run-input.ts'

/** A run that ended this recently keeps its log, so that its followers see its end, however little room there is. */
const RECENT_MS = 10 * 60_000

/** What is deleted in one transaction: this takes about a millisecond, in which no request is served. */
const MAX_ROWS = 500
const MAX_BYTES = 128 * 1024

interface LogRemoverOptions {
  db: Db
  vault: Vault
  clock: Clock
  log: Log
  keepLogsMs: number
  keepLogsBytes: number
  /** @throws the reason to stop */
  yieldToRequests(): Promise<void>
}

export interface EndedRun {
  id: string
  tenantId: string
  endedAt: number
  logRemovedAt: number | null
}

interface LogRemover {
  /** Removes the logs that are too old, then the oldest ones until the rest has room. @returns how many */
  removeLogs(): Promise<number>
  /** @returns false when the run was resumed, or something of it could not be removed */
  removeLog(run: EndedRun): Promise<boolean>
}

export function createLogRemover(options: LogRemoverOptions): LogRemover {
  const { db, vault, clock, log, keepLogsMs, keepLogsBytes, yieldToRequests } = options

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

  return { removeLogs, removeLog }
}

/** As many of the first rows as have no more than `most` bytes together, and at least one. */
function upTo(most: number, rows: readonly { rowid: number; bytes: number }[]): number[] {
  let sum = 0
  const more = rows.findIndex(({ bytes }) => (sum += bytes) > most)
  return rows.slice(0, more === -1 ? rows.length : Math.max(1, more)).map(({ rowid }) => rowid)
}

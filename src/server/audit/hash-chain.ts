/** The hash chain of the audit log, and its verification. */
import { createHash } from 'node:crypto'
import { asc, gt } from 'drizzle-orm'
import type { Db } from '../db/open-database.ts'
import { auditEntries } from '../db/schema.ts'

export type Chained = typeof auditEntries.$inferSelect

/** What the first entry follows. */
export const GENESIS = '0'.repeat(64)

const BATCH = 1000

/**
 * Lower-case hex SHA-256 over the canonical JSON of an entry: its fields without `hash`, in the order of
 * their names, `previous` (the hash of the entry before) among them. Everything later depends on it.
 */
export function hashOf(entry: Omit<Chained, 'hash'>): string {
  // Field by field: a field that is added to the table one day must not change the hashes of old entries.
  const canonical = JSON.stringify({
    action: entry.action,
    actor: entry.actor,
    address: entry.address,
    at: entry.at,
    credentialId: entry.credentialId,
    credentialKind: entry.credentialKind,
    details: entry.details,
    outcome: entry.outcome,
    previous: entry.previous,
    requestId: entry.requestId,
    seq: entry.seq,
    target: entry.target,
    tenantId: entry.tenantId,
  })
  return createHash('sha256').update(canonical).digest('hex')
}

export type ChainVerdict =
  /** `head` is the hash of the last entry: note it elsewhere, and a log that was cut short shows as well. */
  { intact: true; entries: number; head: string } | { intact: false; seq: number; reason: string }

/** Walks the whole log, from whatever entry is first; the first one that is not as it was written ends it. */
export async function verifyChain(db: Db): Promise<ChainVerdict> {
  let seq = 0
  let head = GENESIS
  for (;;) {
    const rows = await db
      .select()
      .from(auditEntries)
      // The first time without a bound: entries that say they are before the first one are entries too.
      .where(seq === 0 ? undefined : gt(auditEntries.seq, seq))
      .orderBy(asc(auditEntries.seq))
      .limit(BATCH)
    for (const row of rows) {
      if (row.seq < 1) return { intact: false, seq: row.seq, reason: 'stands before the first one' }
      if (row.seq !== seq + 1) return { intact: false, seq: seq + 1, reason: 'is missing' }
      if (row.previous !== head) {
        return { intact: false, seq: row.seq, reason: 'does not follow the entry before it' }
      }
      if (row.hash !== hashOf(row)) return { intact: false, seq: row.seq, reason: 'was changed' }
      seq = row.seq
      head = row.hash
    }
    if (rows.length < BATCH) return { intact: true, entries: seq, head }
  }
}

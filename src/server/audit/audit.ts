/**
 * Owns: the record of who did what, on what, from where, by which credential.
 * Refuses: to change or forget an entry (the database's triggers refuse it too), to be written to in any other
 * way than at its end, to hold a value that was secret: callers name things by ID, key or address, and
 * `details` takes no free text of theirs.
 */
import { and, type Column, desc, eq, gte, inArray, lt, lte, or, type SQL, sql } from 'drizzle-orm'
import type { Clock } from '../../platform/clock.ts'
import type { Db, Transaction } from '../db/open-database.ts'
import { auditEntries, users } from '../db/schema.ts'
import { type Chained, GENESIS, hashOf } from './hash-chain.ts'

/** What can be recorded. A closed set, so that a filter never misses a spelling. */
type AuditAction =
  | 'login'
  | 'logout'
  | 'session.end'
  | 'consent'
  | 'device.approve'
  | 'device.deny'
  | 'client.register'
  | 'client.rm'
  | 'token.create'
  | 'token.revoke'
  | 'service-token.create'
  | 'workload-token.create'
  | 'download-token.create'
  | 'service-key.create'
  | 'service-key.rm'
  | 'secret.set'
  | 'secret.rm'
  | 'secret.rewrap'
  | 'pipeline.set'
  | 'pipeline.rm'
  | 'pipeline.pause'
  | 'pipeline.unpause'
  | 'webhook.set'
  | 'webhook.rm'
  | 'schedule.missed'
  | 'run.start'
  | 'run.stop'
  | 'run.resume'
  | 'runner.create'
  | 'runner.rename'
  | 'runner.regenerate'
  | 'runner.rm'
  | 'user.add'
  | 'user.passwd'
  | 'user.rm'
  | 'tenant.add'
  | 'tenant.rm'
  | 'member.set'
  | 'member.rm'
  | 'invitation.create'
  | 'invitation.revoke'
  | 'invitation.accept'
  | 'memberships.change'
  | 'memberships.lost'
  | 'settings'

export interface NewEntry {
  /** Whose it is. What belongs to the server as a whole is recorded with the default tenant. */
  tenantId: string
  /**
   * `Principal.id`; `anonymous` where nobody was believed; `console` for the command line on the server, `schedule`
   * for what runs by itself, `identity-provider` for what it said of a person.
   */
  actor: string
  action: AuditAction
  /** On what: a name, a key, an ID. For a refused login, the account only if there is one: people mistype. */
  target?: string | null
  /** Without it, `ok`. */
  outcome?: 'ok' | 'refused'
  address?: string | null
  credential?: { kind: string; id: string | null }
  /** That of the log lines of the same request. */
  requestId?: string | null
  details?: Readonly<Record<string, string | number | boolean | null>>
}

/** As it is stored: `at` in milliseconds since 1970, `seq` from 1 without a gap. */
export type AuditEntry = Chained

export interface AuditQuery {
  limit: number
  /** Only entries before this number. */
  before?: number | undefined
  actor?: string | undefined
  action?: string | undefined
  target?: string | undefined
  outcome?: 'ok' | 'refused' | undefined
  /** Milliseconds since 1970, both included. */
  since?: number | undefined
  until?: number | undefined
  /**
   * How `actor`, `action` and `target` are compared: as a whole (the default), or with any part of them in any case,
   * and then an actor also by the e-mail or name of the account.
   */
  match?: 'whole' | 'part'
}

export interface Audit {
  /**
   * Appends, at once and for good. Throws where it cannot: what is not recorded must not look done.
   * @param within the immediate transaction that what is recorded happens in; without it, one of its own
   */
  record(entry: NewEntry, within?: Transaction): void
  /** A tenant's entries, newest first. */
  list(tenantId: string, query: AuditQuery): Promise<{ items: AuditEntry[]; next: number | null }>
}

export function openAudit({ db, clock }: { db: Db; clock: Clock }): Audit {
  return {
    record(entry, within) {
      const now = clock.now()
      // One writer at a time, other processes included, or two entries would follow the same one.
      if (within === undefined) db.transaction((tx) => append(tx, now, entry), { behavior: 'immediate' })
      else append(within, now, entry)
    },
    list: (tenantId, query) => list(db, tenantId, query),
  }
}

function append(tx: Transaction, now: number, entry: NewEntry): void {
  const last = tx
    .select({ seq: auditEntries.seq, hash: auditEntries.hash })
    .from(auditEntries)
    .orderBy(desc(auditEntries.seq))
    .limit(1)
    .get()
  const row = {
    seq: (last?.seq ?? 0) + 1,
    at: now,
    tenantId: entry.tenantId,
    actor: entry.actor,
    action: entry.action,
    target: entry.target ?? null,
    outcome: entry.outcome ?? ('ok' as const),
    address: entry.address ?? null,
    credentialKind: entry.credential?.kind ?? null,
    credentialId: entry.credential?.id ?? null,
    requestId: entry.requestId ?? null,
    details: JSON.stringify(entry.details ?? {}),
    previous: last?.hash ?? GENESIS,
  }
  tx.insert(auditEntries)
    .values({ ...row, hash: hashOf(row) })
    .run()
}

async function list(
  db: Db,
  tenantId: string,
  { limit, before, actor, action, target, outcome, since, until, match = 'whole' }: AuditQuery,
): Promise<{ items: AuditEntry[]; next: number | null }> {
  const { actor: whose, action: what, target: onWhat } = auditEntries
  const compare = match === 'whole' ? eq : hasPart
  const rows = await db
    .select()
    .from(auditEntries)
    .where(
      and(
        eq(auditEntries.tenantId, tenantId),
        before === undefined ? undefined : lt(auditEntries.seq, before),
        actor === undefined
          ? undefined
          : or(compare(whose, actor), match === 'part' ? isNamed(db, actor) : undefined),
        action === undefined ? undefined : compare(what, action),
        target === undefined ? undefined : compare(onWhat, target),
        outcome === undefined ? undefined : eq(auditEntries.outcome, outcome),
        since === undefined ? undefined : gte(auditEntries.at, since),
        until === undefined ? undefined : lte(auditEntries.at, until),
      ),
    )
    .orderBy(desc(auditEntries.seq))
    .limit(limit + 1)
  const items = rows.slice(0, limit)
  return { items, next: rows.length > limit ? (items.at(-1)?.seq ?? null) : null }
}

/** Unlike with LIKE, no character of the part means anything else. */
function hasPart(text: Column | SQL, part: string): SQL {
  return sql`instr(lower(${text}), lower(${part})) > 0`
}

/** The entries of accounts whose e-mail, or else name, has this part. */
function isNamed(db: Db, part: string): SQL {
  const id = db
    .select({ id: sql`${users.provider} || ':' || ${users.subject}` })
    .from(users)
    .where(hasPart(sql`coalesce(${users.email}, ${users.name})`, part))
  return inArray(auditEntries.actor, id)
}

/**
 * Owns: the runners of a tenant and the token that each presents (`rn_`).
 * Refuses: two runners of one name in a tenant; a token that was replaced.
 */
import { and, asc, eq, gt, sql } from 'drizzle-orm'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../redact/secret.ts'
import { newId } from '../db/new-id.ts'
import type { Db } from '../db/open-database.ts'
import { runners as table, tenants } from '../db/schema.ts'
import type { Tenant } from './user-types.ts'
import { hashOf, mintToken } from './create-and-hash-token.ts'

type RunnerStatus = 'online' | 'busy' | 'offline'

export interface Runner {
  id: string
  name: string
  status: RunnerStatus
  version: string | null
  /** Instants in milliseconds since 1970. */
  createdAt: number
  lastSeenAt: number | null
}

export interface Runners {
  /** The only time that the value is seen. @throws Fault `conflict` for a name that is taken. */
  create(tenantId: string, name: string): { value: Secret; runner: Runner }
  /** Oldest first. `cursor` is the last ID of the page before. */
  list(
    tenantId: string,
    page: { limit: number; cursor?: string },
  ): Promise<{ items: Runner[]; next: string | null }>
  get(tenantId: string, id: string): Promise<Runner | undefined>
  /** Undefined when there is none. @throws Fault `conflict` for a name that is taken. */
  rename(tenantId: string, id: string, name: string): Promise<Runner | undefined>
  /** A new token; the old one stops working. Undefined when there is no such runner. */
  regenerate(tenantId: string, id: string): Promise<{ value: Secret; runner: Runner } | undefined>
  /** False when there is none. */
  remove(tenantId: string, id: string): Promise<boolean>
  /** Undefined for whatever is not the token of a runner. */
  verify(presented: string): { id: string; name: string; tenant: Tenant } | undefined
  heartbeat(id: string, beat: { status: RunnerStatus; version: string }): Promise<void>
}

/** A runner that has been silent for so long is not there, whatever it said last. */
const SILENCE_MS = 2 * 60_000

export function openRunners({ db, clock }: { db: Db; clock: Clock }): Runners {
  const show = (row: typeof table.$inferSelect) => toRunner(row, clock.now())
  const find = db
    .select({ id: table.id, name: table.name, tenant: { id: tenants.id, slug: tenants.slug } })
    .from(table)
    .innerJoin(tenants, eq(tenants.id, table.tenantId))
    .where(eq(table.tokenHash, sql.placeholder('hash')))
    .limit(1)
    .prepare()

  return {
    create(tenantId, name) {
      const { token, hash } = mintToken('rn')
      const row = {
        id: newId('rnr'),
        tenantId,
        name,
        tokenHash: hash,
        status: 'offline' as const,
        version: null,
        createdAt: clock.now(),
        lastSeenAt: null,
      }
      const added = db.insert(table).values(row).onConflictDoNothing().returning().all()
      if (added.length === 0) throw taken(name)
      return { value: token, runner: show(row) }
    },

    async list(tenantId, { limit, cursor }) {
      const after = cursor === undefined ? undefined : gt(table.id, cursor)
      const rows = await db
        .select()
        .from(table)
        .where(and(eq(table.tenantId, tenantId), after))
        .orderBy(asc(table.id))
        .limit(limit + 1)
      const items = rows.slice(0, limit).map(show)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    async get(tenantId, id) {
      const [row] = await db.select().from(table).where(is(tenantId, id))
      return row && show(row)
    },

    async rename(tenantId, id, name) {
      const row = db.transaction(
        (tx) => {
          const holder = tx
            .select({ id: table.id })
            .from(table)
            .where(and(eq(table.tenantId, tenantId), eq(table.name, name)))
            .get()
          if (holder !== undefined && holder.id !== id) throw taken(name)
          return tx.update(table).set({ name }).where(is(tenantId, id)).returning().get()
        },
        { behavior: 'immediate' },
      )
      return row && show(row)
    },

    async regenerate(tenantId, id) {
      const { token, hash } = mintToken('rn')
      const [row] = await db.update(table).set({ tokenHash: hash }).where(is(tenantId, id)).returning()
      return row && { value: token, runner: show(row) }
    },

    async remove(tenantId, id) {
      return (await db.delete(table).where(is(tenantId, id)).returning({ id: table.id })).length > 0
    },

    verify(presented) {
      const hash = hashOf('rn', presented)
      return hash === undefined ? undefined : find.get({ hash })
    },

    async heartbeat(id, { status, version }) {
      await db.update(table).set({ status, version, lastSeenAt: clock.now() }).where(eq(table.id, id))
    },
  }
}

function is(tenantId: string, id: string) {
  return and(eq(table.tenantId, tenantId), eq(table.id, id))
}

function taken(name: string): Fault {
  return new Fault('conflict', `there is a runner called "${name}" already`, {
    hint: 'choose another name, or give that runner a new token with "fob runners regenerate ID"',
  })
}

function toRunner(row: typeof table.$inferSelect, now: number): Runner {
  const { id, name, version, createdAt, lastSeenAt } = row
  const silent = lastSeenAt === null || now - lastSeenAt > SILENCE_MS
  return { id, name, status: silent ? 'offline' : row.status, version, createdAt, lastSeenAt }
}

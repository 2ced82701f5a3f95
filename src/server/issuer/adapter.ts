import { createHash } from 'node:crypto'
import { and, eq, isNull } from 'drizzle-orm'
import type { Adapter, AdapterPayload } from 'oidc-provider'
import * as v from 'valibot'
import type { Clock } from '../../platform/clock.ts'
import type { Db } from '../db/open.ts'
import { accessTokens, oidcRecords } from '../db/schema.ts'

/** Kinds whose ID opens nothing by itself. The ID of any other is a bearer value and is stored hashed. */
const NOT_BEARER: ReadonlySet<string> = new Set(['Client', 'Grant', 'Interaction', 'ReplayDetection'])

const record = v.record(v.string(), v.unknown())

export interface AdapterDeps {
  db: Db
  clock: Clock
  /** What to throw when somebody else was faster in using up a code or a refresh token. */
  alreadyUsed: () => Error
}

/** What oidc-provider keeps, in the table `oidc_records`: one adapter per kind of record. */
export function databaseAdapter(deps: AdapterDeps): (kind: string) => Adapter {
  return (kind) => adapterOf(kind, deps)
}

function adapterOf(kind: string, { db, clock, alreadyUsed }: AdapterDeps): Adapter {
  const place = (id: string) => and(eq(oidcRecords.kind, kind), eq(oidcRecords.id, storedId(kind, id)))
  return {
    upsert: async (id, payload, expiresIn) => {
      const row = {
        payload: JSON.stringify(withoutBearerValues(payload)),
        grantId: payload.grantId ?? null,
        userCode: payload.userCode ?? null,
        uid: payload.uid ?? null,
        expiresAt: expiresIn === undefined ? null : clock.now() + expiresIn * 1000,
      }
      await db
        .insert(oidcRecords)
        .values({ kind, id: storedId(kind, id), ...row })
        .onConflictDoUpdate({ target: [oidcRecords.kind, oidcRecords.id], set: row })
    },
    find: async (id) => {
      const [row] = await db.select().from(oidcRecords).where(place(id)).limit(1)
      return row && toPayload(row, id)
    },
    findByUid: async (uid) => {
      const where = and(eq(oidcRecords.kind, kind), eq(oidcRecords.uid, uid))
      const [row] = await db.select().from(oidcRecords).where(where).limit(1)
      return row && toPayload(row, undefined)
    },
    findByUserCode: async (userCode) => {
      const where = and(eq(oidcRecords.kind, kind), eq(oidcRecords.userCode, userCode))
      const [row] = await db.select().from(oidcRecords).where(where).limit(1)
      return row && toPayload(row, undefined)
    },
    consume: async (id) => {
      // Single use: of two that present it at the same moment, the database lets one through.
      const used = await db
        .update(oidcRecords)
        .set({ consumedAt: clock.now() })
        .where(and(place(id), isNull(oidcRecords.consumedAt)))
        .returning({ id: oidcRecords.id })
      if (used.length === 0) throw alreadyUsed()
    },
    destroy: async (id) => {
      await db.delete(oidcRecords).where(place(id))
    },
    revokeByGrantId: async (grantId) => {
      if (kind === 'AccessToken') {
        const live = and(eq(accessTokens.grantId, grantId), isNull(accessTokens.revokedAt))
        await db.update(accessTokens).set({ revokedAt: clock.now() }).where(live)
        return
      }
      await db.delete(oidcRecords).where(and(eq(oidcRecords.kind, kind), eq(oidcRecords.grantId, grantId)))
    },
  }
}

function storedId(kind: string, id: string): string {
  return NOT_BEARER.has(kind) ? id : createHash('sha256').update(id).digest('hex')
}

/** The payload repeats the ID as `jti`, and an interaction that of its session as `session.cookie`. */
function withoutBearerValues(payload: AdapterPayload): Record<string, unknown> {
  const { jti: _jti, ...rest } = payload
  if (!v.is(record, rest.session)) return rest
  const { cookie: _cookie, ...session } = rest.session
  return { ...rest, session }
}

function toPayload(row: typeof oidcRecords.$inferSelect, id: string | undefined): AdapterPayload {
  const payload = v.parse(record, JSON.parse(row.payload))
  if (id !== undefined) payload.jti = id
  if (row.consumedAt !== null) payload.consumed = Math.floor(row.consumedAt / 1000)
  return payload
}

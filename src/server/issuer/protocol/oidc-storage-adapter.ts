/** The storage of oidc-provider in our database. */
import { createHash, randomBytes } from 'node:crypto'
import { and, eq, inArray, isNull } from 'drizzle-orm'
import type { Adapter, AdapterPayload } from 'oidc-provider'
import * as v from 'valibot'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import { accessTokens, oidcRecords } from '../../db/schema.ts'
import { withMachineOfLogin } from '../sessions/program-logins.ts'
import type { CarriedInteractions } from '../sessions/unanswered-interactions-in-cookies.ts'

/** Kinds whose ID opens nothing by itself. The ID of any other is a bearer value and is stored hashed. */
const NOT_BEARER: ReadonlySet<string> = new Set(['Client', 'Grant', 'Interaction', 'ReplayDetection'])

/**
 * The kind of the records in which `../tokens/stored-refresh-responses.ts` stores responses. They are revoked with
 * the refresh tokens of their grant. Existing databases hold this value.
 */
export const REFRESH_RESPONSE = 'RefreshAnswer'

/** What is stored with who used it last, and from where: the session of a browser, the login of a program. */
const SEEN: ReadonlySet<string> = new Set(['Session', 'RefreshToken'])

const record = v.record(v.string(), v.unknown())

export interface AdapterDeps {
  db: Db
  /** Where an interaction is that nobody has answered. */
  carried: Pick<CarriedInteractions, 'carry' | 'find'>
  clock: Clock
  /** What to throw when somebody else was faster in using up a code or a refresh token. */
  alreadyUsed: () => Error
  /** The browser or program that sends the request that is being handled, for the lists of both. */
  browser: () => { userAgent: string; address: string } | undefined
}

/** What oidc-provider stores, in the table `oidc_records`: one adapter per kind of record. */
export function databaseAdapter(deps: AdapterDeps): (kind: string) => Adapter {
  const found = `${randomBytes(16).toString('hex')}.`
  return (kind) => adapterOf(kind, deps, found)
}

/**
 * A device code is looked up by what a person typed and saved again, but its ID is known to the device alone.
 * So what is found that way has its hash for an ID, behind a mark that nobody outside of this process can
 * create: the hash by itself opens nothing. A record of another kind that refers to it is stored without the mark.
 */
function marked(kind: string, mark: string) {
  return {
    id: (id: string) =>
      kind === 'DeviceCode' && id.startsWith(mark) ? id.slice(mark.length) : storedId(kind, id),
    store: (payload: Record<string, unknown>): Record<string, unknown> => {
      const { deviceCode } = payload
      if (typeof deviceCode !== 'string' || !deviceCode.startsWith(mark)) return payload
      return { ...payload, deviceCode: deviceCode.slice(mark.length) }
    },
    load: <T extends AdapterPayload>(payload: T): T =>
      kind === 'Interaction' && typeof payload.deviceCode === 'string'
        ? { ...payload, deviceCode: mark + payload.deviceCode }
        : payload,
  }
}

function adapterOf(kind: string, deps: AdapterDeps, mark: string): Adapter {
  const { db, carried, clock, alreadyUsed, browser } = deps
  const by = marked(kind, mark)
  const place = (id: string) => and(eq(oidcRecords.kind, kind), eq(oidcRecords.id, by.id(id)))
  const seenNow = (grantId: string | undefined) => {
    const program = browser()
    const isOfLogin = program !== undefined && grantId !== undefined
    return { at: clock.now(), ...(isOfLogin ? withMachineOfLogin(db, grantId, program) : program) }
  }
  return {
    upsert: async (id, payload, expiresIn) => {
      const stored = JSON.stringify({
        ...by.store(withoutBearerValues(payload)),
        ...(SEEN.has(kind) ? { seen: seenNow(payload.grantId) } : {}),
      })
      if (kind === 'Interaction' && isUnanswered(payload) && carried.carry(id, stored)) return
      const row = {
        payload: stored,
        grantId: payload.grantId ?? null,
        userCode: payload.userCode ?? null,
        uid: payload.uid ?? null,
        expiresAt: expiresIn === undefined ? null : clock.now() + expiresIn * 1000,
      }
      await db
        .insert(oidcRecords)
        .values({ kind, id: by.id(id), ...row })
        .onConflictDoUpdate({ target: [oidcRecords.kind, oidcRecords.id], set: row })
    },
    find: async (id) => {
      const [row] = await db.select().from(oidcRecords).where(place(id)).limit(1)
      if (row) return by.load(toPayload(row, id))
      const carriedRecord = kind === 'Interaction' ? carried.find(id) : undefined
      return carriedRecord === undefined ? undefined : by.load({ ...parse(carriedRecord), jti: id })
    },
    findByUid: async (uid) => {
      const where = and(eq(oidcRecords.kind, kind), eq(oidcRecords.uid, uid))
      const [row] = await db.select().from(oidcRecords).where(where).limit(1)
      return row && toPayload(row, undefined)
    },
    findByUserCode: async (userCode) => {
      const where = and(eq(oidcRecords.kind, kind), eq(oidcRecords.userCode, userCode))
      const [row] = await db.select().from(oidcRecords).where(where).limit(1)
      return row && toPayload(row, mark + row.id)
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
      const kinds = kind === 'RefreshToken' ? [kind, REFRESH_RESPONSE] : [kind]
      await db
        .delete(oidcRecords)
        .where(and(inArray(oidcRecords.kind, kinds), eq(oidcRecords.grantId, grantId)))
    },
  }
}

/** The `id` under which a record is stored. */
export function storedId(kind: string, id: string): string {
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
  const payload = parse(row.payload)
  if (id !== undefined) payload.jti = id
  if (row.consumedAt !== null) payload.consumed = Math.floor(row.consumedAt / 1000)
  return payload
}

function parse(payload: string): AdapterPayload {
  return v.parse(record, JSON.parse(payload))
}

/** Whether nobody has typed anything yet, nor is known. */
function isUnanswered({ session, result, lastSubmission }: AdapterPayload): boolean {
  return session === undefined && result === undefined && lastSubmission === undefined
}

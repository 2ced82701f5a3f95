/** Sessions of browsers and logins of programs, as their owner sees and ends them. */
import { createHmac } from 'node:crypto'
import { and, eq, gt, sql } from 'drizzle-orm'
import * as v from 'valibot'
import type { Clock } from '../../../platform/clock.ts'
import { noteUnlessDiskFull } from '../../../platform/files/disk-full.ts'
import type { Accounts } from '../../accounts/accounts.ts'
import { accountIdOf, type User } from '../../accounts/user-types.ts'
import type { Db } from '../../db/open-database.ts'
import { oidcRecords } from '../../db/schema.ts'
import { storedId } from '../protocol/oidc-storage-adapter.ts'
import {
  NEVER_SEEN,
  openProgramUse,
  type ProgramEntry,
  programsOf,
  seenSchema,
  TOUCH_MS,
} from './program-logins.ts'
import type { CookieJar } from './encrypted-oidc-provider-cookies.ts'
import type { Lifetimes } from '../tokens/default-lifetimes.ts'
import { endGrant, endSession } from '../tokens/end-sessions-grants-and-tokens.ts'

/**
 * The sessions of browsers. oidc-provider keeps them; this reads them for our own pages, so that there is one
 * login and one place to end it.
 */

/** Somebody who is logged in in this browser. */
interface BrowserSession {
  /** The session's name, which is not the value in the cookie. */
  uid: string
  user: User
  /** What every form of a page of this session has to carry. */
  csrf: string
}

/** Instants are milliseconds since 1970. */
interface SessionEntry {
  uid: string
  loggedInAt: number
  lastUsedAt: number
  /** As the browser called itself when it logged in or came back. */
  userAgent: string
  address: string
}

export interface Sessions {
  /** Who is logged in in the browser that sent these cookies; using a session keeps it alive. */
  of(cookieHeader: string | null): Promise<BrowserSession | undefined>
  /** Latest first. */
  list(user: User): Promise<SessionEntry[]>
  programs(user: User): Promise<ProgramEntry[]>
  /** Writes down that the program of this access token used it, at most once a minute. */
  programUsed(jti: string): void
  /** Ends one of the user's own sessions. @returns whether it was one. */
  end(user: User, uid: string): Promise<boolean>
  /** Ends all sessions of the user but `keep`. @returns how many. */
  endOthers(user: User, keep: string): Promise<number>
  /** Ends one of the user's own programs, its tokens included. @returns whether it was one. */
  endProgram(user: User, grantId: string): Promise<boolean>
  /** Ends the session of these cookies. @returns the cookie lines that clear them. */
  logOut(cookieHeader: string | null): Promise<string[]>
}

const payloadSchema = v.object({
  uid: v.string(),
  accountId: v.optional(v.string()),
  /** Seconds. */
  loginTs: v.optional(v.number()),
  iat: v.optional(v.number()),
  exp: v.number(),
  seen: v.optional(seenSchema, NEVER_SEEN),
})
type Payload = v.InferOutput<typeof payloadSchema>

export function openSessions(deps: {
  db: Db
  clock: Clock
  accounts: Accounts
  jar: CookieJar
  cookieName: string
  lifetimes: Lifetimes
  csrfKey: Buffer
  /** Clients of ours, whose grants are not programs of the user. */
  internalClients: ReadonlySet<string>
}): Sessions {
  const { db, clock, accounts, jar, cookieName } = deps
  const kind = eq(oidcRecords.kind, 'Session')

  const find = async (cookieHeader: string | null) => {
    const value = jar.read(cookieHeader, cookieName)
    if (value === undefined) return undefined
    const id = storedId('Session', value)
    const [row] = await db
      .select({ payload: oidcRecords.payload })
      .from(oidcRecords)
      .where(and(kind, eq(oidcRecords.id, id), gt(oidcRecords.expiresAt, clock.now())))
      .limit(1)
    return row && { id, payload: parse(row.payload) }
  }

  /** Never an insert: a session that is ended at this moment stays ended. */
  const touch = (id: string, { exp, seen, loginTs = 0 }: Payload) => {
    const now = clock.now()
    if (now - seen.at < TOUCH_MS) return
    const until = Math.max(exp, sessionEnd(deps.lifetimes, loginTs, Math.floor(now / 1000)))
    const seenNow = db
      .update(oidcRecords)
      .set({
        payload: sql`json_set(${oidcRecords.payload}, '$.exp', ${until}, '$.seen.at', ${now})`,
        expiresAt: until * 1000,
      })
      .where(and(kind, eq(oidcRecords.id, id)))
    noteUnlessDiskFull(() => seenNow.run())
  }

  const rowsOf = (user: User) =>
    db
      .select({ payload: oidcRecords.payload })
      .from(oidcRecords)
      .where(
        and(
          kind,
          sql`json_extract(${oidcRecords.payload}, '$.accountId') = ${accountIdOf(user)}`,
          gt(oidcRecords.expiresAt, clock.now()),
        ),
      )
  const mine = async (user: User) => (await rowsOf(user)).map(({ payload }) => parse(payload))

  const sessions: Sessions = {
    of: async (cookieHeader) => {
      const found = await find(cookieHeader)
      const accountId = found?.payload.accountId
      if (!found || accountId === undefined) return undefined
      const colon = accountId.indexOf(':')
      const user = await accounts.bySubject(accountId.slice(0, colon), accountId.slice(colon + 1))
      if (!user) return undefined
      touch(found.id, found.payload)
      const { uid } = found.payload
      return { uid, user, csrf: createHmac('sha256', deps.csrfKey).update(uid).digest('base64url') }
    },
    list: async (user) =>
      (await mine(user))
        .map(({ uid, loginTs = 0, seen }) => ({
          uid,
          loggedInAt: loginTs * 1000,
          lastUsedAt: Math.max(seen.at, loginTs * 1000),
          userAgent: seen.userAgent,
          address: seen.address,
        }))
        .toSorted((a, b) => b.lastUsedAt - a.lastUsedAt),
    programs: (user) => programsOf(db, user, clock.now(), deps.internalClients),
    programUsed: openProgramUse(db, clock),
    end: async (user, uid) => {
      if (!(await mine(user)).some((session) => session.uid === uid)) return false
      await endSession(db, uid)
      return true
    },
    endOthers: async (user, keep) => {
      const others = (await mine(user)).filter(({ uid }) => uid !== keep)
      for (const { uid } of others) await endSession(db, uid)
      return others.length
    },
    endProgram: async (user, grantId) => {
      const known = await programsOf(db, user, clock.now(), deps.internalClients)
      if (!known.some((program) => program.grantId === grantId)) return false
      await endGrant(db, grantId, clock.now())
      return true
    },
    logOut: async (cookieHeader) => {
      const found = await find(cookieHeader)
      if (found) await endSession(db, found.payload.uid)
      return [jar.clear(cookieName)]
    },
  }
  return sessions
}

/** Idle and absolute expiry in one: when a session used `now` ends. All in seconds. */
export function sessionEnd(lifetimes: Lifetimes, loginTs: number, now: number): number {
  return Math.min(now + lifetimes.session, loginTs + lifetimes.sessionAbsolute)
}

function parse(payload: string): Payload {
  return v.parse(payloadSchema, JSON.parse(payload))
}

/** The logins of programs, as their owner sees them, and when they were used last. */
import { and, desc, eq, gt, isNull, sql } from 'drizzle-orm'
import * as v from 'valibot'
import type { Clock } from '../../../platform/clock.ts'
import { noteUnlessDiskFull } from '../../../platform/files/disk-full.ts'
import { parseJson } from '../../../platform/parse-json.ts'
import { accountIdOf, type User } from '../../accounts/user-types.ts'
import type { Db } from '../../db/open-database.ts'
import { oidcRecords } from '../../db/schema.ts'

/** How often using a session or a token is written down. */
export const TOUCH_MS = 60_000

/** What is stored with a session or a login of who used it last. */
export const seenSchema = v.object({ at: v.number(), userAgent: v.string(), address: v.string() })
export const NEVER_SEEN = { at: 0, userAgent: '', address: '' }
const grantSchema = v.object({ clientId: v.string(), iat: v.number() })

/** A program that may act for a user until it is signed out. */
export interface ProgramEntry {
  grantId: string
  clientId: string
  since: number
  /** To the minute. */
  lastUsedAt: number
  /** As the program called itself when it got its latest token; empty for one that renews none. */
  userAgent: string
  address: string
}

/** @param internal clients of ours, whose grants are not programs of the user */
export async function programsOf(
  db: Db,
  user: User,
  now: number,
  internal: ReadonlySet<string>,
): Promise<ProgramEntry[]> {
  const rows = await db
    .select({
      grantId: oidcRecords.id,
      payload: oidcRecords.payload,
      // Written out: of one table, drizzle selects columns by their names alone, which here would be those of `r`.
      seen: sql<string | null>`(SELECT json_extract(r.payload, '$.seen') FROM oidc_records AS r
        WHERE r.kind = 'RefreshToken' AND r.grant_id = oidc_records.id AND r.consumed_at IS NULL
        ORDER BY r.expires_at DESC LIMIT 1)`,
    })
    .from(oidcRecords)
    .where(
      and(
        eq(oidcRecords.kind, 'Grant'),
        sql`json_extract(${oidcRecords.payload}, '$.accountId') = ${accountIdOf(user)}`,
        gt(oidcRecords.expiresAt, now),
        // A consent whose code nobody redeemed gave nothing to anybody.
        sql`(EXISTS (SELECT 1 FROM oidc_records AS r WHERE r.kind = 'RefreshToken'
            AND r.grant_id = ${oidcRecords.id} AND r.consumed_at IS NULL AND r.expires_at > ${now})
          OR EXISTS (SELECT 1 FROM access_tokens AS t
            WHERE t.grant_id = ${oidcRecords.id} AND t.revoked_at IS NULL AND t.expires_at > ${now}))`,
      ),
    )
    .orderBy(desc(oidcRecords.expiresAt))
  return rows
    .map(({ grantId, payload, seen }) => {
      const { clientId, iat } = v.parse(grantSchema, JSON.parse(payload))
      const { at, userAgent, address } = v.parse(v.fallback(seenSchema, NEVER_SEEN), parseJson(seen ?? ''))
      const since = iat * 1000
      return { grantId, clientId, since, lastUsedAt: Math.max(at, since), userAgent, address }
    })
    .filter(({ clientId }) => !internal.has(clientId))
}

/** More access tokens than are used within a minute. */
const MAX_REMEMBERED = 10_000

/** Remembers which tokens were written down in the last minute, so that most requests cost no statement. */
export function openProgramUse(db: Db, clock: Clock): (jti: string) => void {
  const usedAt = new Map<string, number>()
  const touch = db
    .update(oidcRecords)
    .set({ payload: sql`json_set(${oidcRecords.payload}, '$.seen.at', ${sql.placeholder('now')})` })
    .where(
      and(
        eq(oidcRecords.kind, 'RefreshToken'),
        sql`${oidcRecords.grantId} = (SELECT t.grant_id FROM access_tokens AS t
          WHERE t.jti = ${sql.placeholder('jti')})`,
        isNull(oidcRecords.consumedAt),
      ),
    )
    .prepare()
  return (jti) => {
    const now = clock.now()
    if (now - (usedAt.get(jti) ?? 0) < TOUCH_MS) return
    if (usedAt.size >= MAX_REMEMBERED) usedAt.clear()
    usedAt.set(jti, now)
    noteUnlessDiskFull(() => touch.run({ now, jti }))
  }
}

/** fob names its machine at a login, and not at a refresh: then it is the machine of the login. */
export function withMachineOfLogin<P extends { userAgent: string }>(db: Db, grantId: string, program: P): P {
  if (!/^fob\/[\w.+-]+$/.test(program.userAgent)) return program
  const row = db
    .select({ before: sql<string | null>`json_extract(${oidcRecords.payload}, '$.seen.userAgent')` })
    .from(oidcRecords)
    .where(and(eq(oidcRecords.kind, 'RefreshToken'), eq(oidcRecords.grantId, grantId)))
    .orderBy(desc(oidcRecords.expiresAt))
    .limit(1)
    .get()
  const [machine = ''] = / \([\w.-]{1,64}\)$/.exec(row?.before ?? '') ?? []
  return { ...program, userAgent: program.userAgent + machine }
}

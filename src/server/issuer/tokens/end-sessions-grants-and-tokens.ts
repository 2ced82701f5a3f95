/** Ending what was issued: sessions, grants and tokens. */
import { and, eq, isNull, lt, ne, not, or, sql } from 'drizzle-orm'
import { accountIdOf, type User } from '../../accounts/user-types.ts'
import type { Db } from '../../db/open-database.ts'
import { accessTokens, oidcRecords } from '../../db/schema.ts'

/**
 * Ends everything that was issued to a user: browser sessions, half-done logins, grants, codes, refresh and
 * access tokens. Works on the database alone, so that the command line can do it while the server runs.
 */
export async function revokeUserRecords(db: Db, user: User): Promise<void> {
  const account = accountIdOf(user)
  // An access token is good only as long as its row is there.
  await db.delete(accessTokens).where(eq(accessTokens.userId, user.id))
  await db
    .delete(oidcRecords)
    .where(
      sql`${account} IN (${at('$.accountId')}, ${at('$.session.accountId')}, ${at('$.result.login.accountId')})`,
    )
}

/** One login of a user: the session of a browser, or the access token of a program with all that was issued with it. */
export type KeptLogin = { kind: 'browser'; uid: string } | { kind: 'program'; jti: string }

/** Ends everything that was issued to a user by logging in, but for one login. Scoped tokens are not logins. */
export function endOtherLogins(db: Db, user: User, keep: KeptLogin): void {
  const account = accountIdOf(user)
  db.transaction(
    (tx) => {
      const jti = keep.kind === 'program' ? keep.jti : ''
      const kept = tx
        .select({ grantId: accessTokens.grantId })
        .from(accessTokens)
        .where(eq(accessTokens.jti, jti))
        .get()
      const grantId = kept?.grantId ?? ''
      const uid = keep.kind === 'browser' ? keep.uid : ''
      tx.delete(accessTokens)
        .where(
          and(
            eq(accessTokens.userId, user.id),
            ne(accessTokens.jti, jti),
            or(isNull(accessTokens.grantId), ne(accessTokens.grantId, grantId)),
          ),
        )
        .run()
      tx.delete(oidcRecords)
        .where(
          and(
            sql`${account} IN (${at('$.accountId')}, ${at('$.session.accountId')}, ${at('$.result.login.accountId')})`,
            or(isNull(oidcRecords.grantId), ne(oidcRecords.grantId, grantId)),
            not(and(eq(oidcRecords.kind, 'Grant'), eq(oidcRecords.id, grantId)) ?? sql`false`),
            not(and(eq(oidcRecords.kind, 'Session'), eq(oidcRecords.uid, uid)) ?? sql`false`),
          ),
        )
        .run()
    },
    { behavior: 'immediate' },
  )
}

function at(path: string) {
  return sql`json_extract(${oidcRecords.payload}, ${path})`
}

/** Ends one session of a browser. @param uid its name, which is not the value in the cookie. */
export async function endSession(db: Db, uid: string): Promise<void> {
  await db.delete(oidcRecords).where(and(eq(oidcRecords.kind, 'Session'), eq(oidcRecords.uid, uid)))
}

/** Ends one login of a program: its codes and tokens of every kind. */
export async function endGrant(db: Db, grantId: string, now: number): Promise<void> {
  const live = and(eq(accessTokens.grantId, grantId), isNull(accessTokens.revokedAt))
  await db.update(accessTokens).set({ revokedAt: now }).where(live)
  await db.delete(oidcRecords).where(eq(oidcRecords.grantId, grantId))
  await db.delete(oidcRecords).where(and(eq(oidcRecords.kind, 'Grant'), eq(oidcRecords.id, grantId)))
}

/** Ends the login that an access token came from; of one without a grant, the token alone. */
export async function endLoginOf(db: Db, jti: string, now: number): Promise<void> {
  const token = eq(accessTokens.jti, jti)
  const [row] = await db.select({ grantId: accessTokens.grantId }).from(accessTokens).where(token).limit(1)
  if (row?.grantId) await endGrant(db, row.grantId, now)
  else await db.update(accessTokens).set({ revokedAt: now }).where(token)
}

/** A client that registered itself this long ago, and that nobody has authorized, is forgotten. */
const UNUSED_CLIENT_SECONDS = 24 * 60 * 60

/** Forgets what has expired. A used code or refresh token stays until then: it is what reveals its reuse. */
export async function purgeExpiredRecords(db: Db, now: number): Promise<void> {
  await db.delete(oidcRecords).where(lt(oidcRecords.expiresAt, now))
  await db.delete(accessTokens).where(lt(accessTokens.expiresAt, now))
  const before = Math.floor(now / 1000) - UNUSED_CLIENT_SECONDS
  await db.delete(oidcRecords).where(
    and(
      eq(oidcRecords.kind, 'Client'),
      sql`${at('$.client_id_issued_at')} < ${before}`,
      sql`${oidcRecords.id} NOT IN (SELECT json_extract(g.payload, '$.clientId')
        FROM oidc_records AS g WHERE g.kind = 'Grant')`,
    ),
  )
}

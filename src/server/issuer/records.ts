import { and, eq, lt, sql } from 'drizzle-orm'
import { accountIdOf, type User } from '../accounts/accounts.ts'
import type { Db } from '../db/open.ts'
import { accessTokens, oidcRecords } from '../db/schema.ts'

/**
 * Ends everything that was issued to a user: browser sessions, half-done logins, grants, codes, refresh and
 * access tokens. Works on the database alone, so that the command line can do it beside a running server.
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

function at(path: string) {
  return sql`json_extract(${oidcRecords.payload}, ${path})`
}

/** Ends one session of a browser. @param uid its name, which is not the value in the cookie. */
export async function endSession(db: Db, uid: string): Promise<void> {
  await db.delete(oidcRecords).where(and(eq(oidcRecords.kind, 'Session'), eq(oidcRecords.uid, uid)))
}

/** Forgets what has expired. A used code or refresh token stays until then: it is what reveals its reuse. */
export async function purgeExpiredRecords(db: Db, now: number): Promise<void> {
  await db.delete(oidcRecords).where(lt(oidcRecords.expiresAt, now))
  await db.delete(accessTokens).where(lt(accessTokens.expiresAt, now))
}

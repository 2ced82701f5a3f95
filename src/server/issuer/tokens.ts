import { createSecretKey } from 'node:crypto'
import { and, eq, isNull, sql } from 'drizzle-orm'
import { jwtVerify } from 'jose'
import * as v from 'valibot'
import { isScope, type Scope } from '../../contract/scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../redact/secret.ts'
import type { Accounts, User } from '../accounts/accounts.ts'
import type { Db } from '../db/open.ts'
import { accessTokens } from '../db/schema.ts'

/** The `iss` of every access token (S35 under R1); that of ID tokens is the server's URL, as OpenID wants it. */
export const TOKEN_ISSUER = 'fob'

/** RFC 9068 §2.1. What tells an access token from any other JWT. */
const TOKEN_TYPE = 'at+jwt'

export interface VerifiedToken {
  user: User
  scopes: readonly Scope[]
  jti: string
  clientId: string
  /** Seconds since 1970. */
  expiresAt: number
}

const claims = v.object({
  jti: v.string(),
  sub: v.string(),
  provider: v.string(),
  client_id: v.string(),
  scope: v.optional(v.string(), ''),
  exp: v.number(),
})

type Claims = v.InferOutput<typeof claims>

export interface Tokens {
  /** S29: the session secret's own bytes. */
  key: ReturnType<typeof createSecretKey>
  /** Keeps the token's ID: what makes it good, until it expires or is revoked. */
  record(token: {
    jti: string
    userId: string
    clientId: string
    grantId: string | null
    exp: number
  }): Promise<void>
  /** Undefined for whatever is not, or no longer, a good access token of this server. */
  verify(token: string): Promise<VerifiedToken | undefined>
  /**
   * RFC 7009: ends the token if it is ours and was issued to this client. Expired ones count as ours.
   * @returns whose it was, if it was still good
   */
  revoke(token: string, clientId: string): Promise<{ jti: string; userId: string } | undefined>
}

export function openTokens(deps: {
  db: Db
  url: string
  sessionSecret: Secret
  accounts: Accounts
  clock: Clock
}): Tokens {
  const { db, url, accounts, clock } = deps
  const key = createSecretKey(Buffer.from(deps.sessionSecret.reveal()))
  const signed = async (token: string, at: Date): Promise<Claims | undefined> => {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['HS256'],
        issuer: TOKEN_ISSUER,
        audience: url,
        typ: TOKEN_TYPE,
        currentDate: at,
      })
      return v.parse(claims, payload)
    } catch {
      return undefined
    }
  }
  const row = db
    .select({ userId: accessTokens.userId, revokedAt: accessTokens.revokedAt })
    .from(accessTokens)
    .where(eq(accessTokens.jti, sql.placeholder('jti')))
    .limit(1)
    .prepare()

  return {
    key,
    record: async ({ exp, ...token }) => {
      await db.insert(accessTokens).values({ ...token, expiresAt: exp * 1000 })
    },
    verify: async (token) => {
      const found = await signed(token, new Date(clock.now()))
      if (!found) return undefined
      const [issued] = await row.execute({ jti: found.jti })
      if (!issued || issued.revokedAt !== null) return undefined
      const user = await accounts.byId(issued.userId)
      if (!user || user.subject !== found.sub || user.provider !== found.provider) return undefined
      const scopes = found.scope.split(' ').filter(isScope)
      return { user, scopes, jti: found.jti, clientId: found.client_id, expiresAt: found.exp }
    },
    revoke: async (token, clientId) => {
      // The signature is what matters here; with the epoch as "now", no token has expired.
      const found = await signed(token, new Date(0))
      if (found?.client_id !== clientId) return undefined
      const live = and(eq(accessTokens.jti, found.jti), isNull(accessTokens.revokedAt))
      const ended = await db
        .update(accessTokens)
        .set({ revokedAt: clock.now() })
        .where(live)
        .returning({ jti: accessTokens.jti, userId: accessTokens.userId })
      return ended[0]
    },
  }
}

/** Access tokens: JWTs that are good only as long as the database knows them. */
import { createSecretKey } from 'node:crypto'
import { and, eq, isNull, sql } from 'drizzle-orm'
import * as v from 'valibot'
import { isScope, type Scope } from '../../../contract/token-scopes.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Secret } from '../../../redact/secret.ts'
import type { User } from '../../accounts/user-types.ts'
import { userFinder } from '../../accounts/find-users.ts'
import type { Db } from '../../db/open-database.ts'
import { remember } from '../../db/cache-until-change.ts'
import { accessTokens } from '../../db/schema.ts'
import { OWN_PROGRAMS } from '../first-party-clients.ts'
import { openHs256 } from './verify-hs256-jwt.ts'

/** The `iss` of every access token; that of ID tokens is the server's URL, as OpenID wants it. */
export const TOKEN_ISSUER = 'fob'

/** RFC 9068 §2.1. What tells an access token from any other JWT. */
const TOKEN_TYPE = 'at+jwt'

export interface VerifiedToken {
  user: User
  scopes: readonly Scope[]
  jti: string
  clientId: string
  /** Whether the program that it was issued to is one of ours. */
  own: boolean
  /** Seconds since 1970. */
  expiresAt: number
}

/** RFC 7515 §4.1.11: a header that asks for more than this (`crit`, an embedded key) is not one of ours. */
const header = v.strictObject({
  alg: v.literal('HS256'),
  typ: v.literal(TOKEN_TYPE),
})

/** Instants in seconds since 1970. */
const claims = v.object({
  iss: v.literal(TOKEN_ISSUER),
  aud: v.union([v.string(), v.array(v.string())]),
  jti: v.string(),
  sub: v.string(),
  provider: v.string(),
  client_id: v.string(),
  scope: v.optional(v.string(), ''),
  exp: v.number(),
  nbf: v.optional(v.number()),
  iat: v.optional(v.number()),
})

/** How far ahead of the clock a token may say that it was issued. */
const MAX_AHEAD_SECONDS = 5 * 60

type Claims = v.InferOutput<typeof claims>

/** As it is cached, together with the times between which it is valid. */
interface KnownToken extends VerifiedToken {
  /** Seconds since 1970. */
  notBefore: number
}

export interface Tokens {
  /** The session secret's own bytes. */
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
  verify(token: string): VerifiedToken | undefined
  /**
   * RFC 7009: ends the token if it is ours and was issued to this client. Expired ones count as ours.
   * @returns whose it was, if it was still good
   */
  revoke(token: string, clientId: string): Promise<{ jti: string; userId: string } | undefined>
}

export function openTokens(deps: { db: Db; url: string; sessionSecret: Secret; clock: Clock }): Tokens {
  const { db, url, clock } = deps
  const key = createSecretKey(Buffer.from(deps.sessionSecret.reveal()))
  /** Whatever the time: of an expired token as well. */
  const signed = (token: string): Claims | undefined => {
    const opened = openHs256(token, key)
    const found = v.safeParse(claims, opened?.claims)
    if (!v.is(header, opened?.header) || !found.success) return undefined
    return [found.output.aud].flat().includes(url) ? found.output : undefined
  }
  const row = db
    .select({ userId: accessTokens.userId, revokedAt: accessTokens.revokedAt })
    .from(accessTokens)
    .where(eq(accessTokens.jti, sql.placeholder('jti')))
    .prepare()
  const findUser = userFinder(db)
  const lookUp = (token: string): KnownToken | undefined => {
    const found = signed(token)
    const issued = found && row.get({ jti: found.jti })
    if (found === undefined || issued === undefined || issued.revokedAt !== null) return undefined
    const user = findUser(issued.userId)
    if (!user || user.subject !== found.sub || user.provider !== found.provider) return undefined
    const scopes = found.scope.split(' ').filter(isScope)
    const { jti, client_id: clientId, exp: expiresAt, nbf = 0, iat = 0 } = found
    // A clock that was set back after a token was issued: the token waits until its time has nearly come.
    const notBefore = Math.max(nbf, iat - MAX_AHEAD_SECONDS)
    return { user, scopes, jti, clientId, own: OWN_PROGRAMS.has(clientId), expiresAt, notBefore }
  }
  const knownToken = remember(db, lookUp)

  return {
    key,
    record: async ({ exp, ...token }) => {
      await db.insert(accessTokens).values({ ...token, expiresAt: exp * 1000 })
    },
    verify: (token) => {
      const found = knownToken(token)
      const now = clock.now() / 1000
      return found !== undefined && found.notBefore <= now && now < found.expiresAt ? found : undefined
    },
    revoke: async (token, clientId) => {
      const found = signed(token)
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

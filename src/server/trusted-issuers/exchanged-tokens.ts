/** The tokens that JWTs are exchanged for: sealed, so that only this server reads them, and stored nowhere. */
import { createHash, randomUUID } from 'node:crypto'
import * as v from 'valibot'
import { isScope, type Scope } from '../../contract/token-scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import { parseJson } from '../../platform/parse-json.ts'
import type { Seal } from '../issuer/seal-under-session-secret.ts'
import type { TrustedIssuer } from './trusted-issuer-type.ts'

/** What is told from other bearer tokens by its first characters. */
export const EXCHANGED_PREFIX = 'wl_'

/** An hour: nothing but the end of its time, or of the setting behind it, ends such a token. */
export const EXCHANGED_SECONDS = 60 * 60

const CONTEXT = 'workload token'

export interface ExchangedToken {
  issuer: TrustedIssuer
  subject: string
  scopes: readonly Scope[]
  id: string
  /** Seconds since 1970. */
  expiresAt: number
}

const payload = v.object({
  setting: v.string(),
  sub: v.string(),
  scope: v.array(v.string()),
  jti: v.string(),
  exp: v.number(),
})

export function openExchangedTokens(
  issuers: readonly TrustedIssuer[],
  { seal, clock }: { seal: Seal; clock: Pick<Clock, 'now'> },
) {
  const bySetting = new Map(issuers.map((issuer) => [fingerprint(issuer), issuer]))
  return {
    issue({ issuer, subject, scopes }: Pick<ExchangedToken, 'issuer' | 'subject' | 'scopes'>): {
      token: string
      id: string
    } {
      const id = randomUUID()
      const exp = Math.floor(clock.now() / 1000) + EXCHANGED_SECONDS
      const text = JSON.stringify({ setting: fingerprint(issuer), sub: subject, scope: scopes, jti: id, exp })
      return { id, token: EXCHANGED_PREFIX + seal.seal(Buffer.from(text), CONTEXT).toString('base64url') }
    },
    /** Undefined for whatever is not such a token, has expired, or stands on a setting that is no longer there. */
    open(token: string): ExchangedToken | undefined {
      const sealed = Buffer.from(token.slice(EXCHANGED_PREFIX.length), 'base64url')
      const opened = seal.open(sealed, CONTEXT)
      const parsed = v.safeParse(payload, opened && parseJson(opened.toString()))
      if (!parsed.success) return undefined
      const { setting, sub: subject, scope, jti: id, exp: expiresAt } = parsed.output
      const issuer = bySetting.get(setting)
      if (issuer === undefined || clock.now() / 1000 >= expiresAt) return undefined
      return { issuer, subject, scopes: scope.filter(isScope), id, expiresAt }
    },
  }
}

/**
 * An entry of the settings, with all that it says: an exchanged token ends with the setting that let it in, also where
 * only its rule, its rights or its audience are others now.
 */
function fingerprint(issuer: TrustedIssuer): string {
  return createHash('sha256').update(JSON.stringify(issuer)).digest('base64url')
}

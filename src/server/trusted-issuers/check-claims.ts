/** Whether the claims of a token with a good signature satisfy an entry of the settings. */
import { compileClaimRule } from '../access-rules/compile-claim-rule.ts'
import { matchesSome } from './name-patterns.ts'
import type { TrustedIssuer } from './trusted-issuer-type.ts'

/** How far the clocks of two machines may be apart. */
export const LEEWAY_SECONDS = 60

/** Claims as they were signed. Times are seconds since 1970. */
export interface SignedClaims extends Readonly<Record<string, unknown>> {
  sub: string
  exp: number
}

/** Says why a token is refused, for the log; undefined: it is not. */
export type ClaimCheck = (claims: SignedClaims, now: number) => string | undefined

/** @throws Fault `usage` where the rule of the entry is not valid */
export function createClaimCheck(issuer: TrustedIssuer): ClaimCheck {
  const { audience, maxLifetimeSeconds } = issuer
  const conditions = issuer.conditions.map((condition): ClaimCheck => {
    if (condition.kind === 'rule') {
      const rule = compileClaimRule(condition.rule)
      return (claims) => (rule(claims) ? undefined : 'the rule does not let it in')
    }
    const { claim, patterns } = condition
    return (claims) => {
      const value = claims[claim]
      const isListed = typeof value === 'string' && matchesSome(patterns, value)
      return isListed ? undefined : `${claim} is not one of those that are let in`
    }
  })
  return (claims, now) =>
    whyNotForUs(claims.aud, audience) ??
    whyNotNow(claims, { now, maxLifetimeSeconds }) ??
    conditions.map((check) => check(claims, now)).find((why) => why !== undefined)
}

/** A token for several audiences could be used here by each of the others that gets it. */
function whyNotForUs(aud: unknown, audience: string): string | undefined {
  const audiences: readonly unknown[] = [aud].flat()
  if (audiences.length > 1) return 'it is for several audiences'
  return audiences[0] === audience ? undefined : 'it is for another audience'
}

/** That `exp` and `nbf` are kept was checked with the signature; this bounds how far they may lie. */
function whyNotNow(
  { exp, iat }: SignedClaims,
  { now, maxLifetimeSeconds }: { now: number; maxLifetimeSeconds: number },
): string | undefined {
  const most = maxLifetimeSeconds + LEEWAY_SECONDS
  if (exp - now > most) return 'its exp lies further ahead than max-lifetime allows'
  if (iat === undefined) return undefined
  if (typeof iat !== 'number') return 'its iat is not a time'
  if (iat > now + LEEWAY_SECONDS) return 'its iat lies ahead'
  return exp - iat > most ? 'it lives longer than max-lifetime allows' : undefined
}

/** The expiry of a JWT, read without checking its signature, which only the server can. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { instant } from '../contract/instant-as-text.ts'
import { parseJson } from '../platform/parse-json.ts'
import type { Secret } from '../redact/secret.ts'

const claims = v.looseObject({ exp: v.optional(v.number()) })

/**
 * Requires a JWT (`header.payload.signature`) that has not expired.
 * @param now milliseconds since 1970.
 * @throws Fault `usage` for the shape, `credentials_expired` for the time; neither message shows the token.
 */
export function requireUsableJwt(token: Secret, source: string, now: number): void {
  const parts = token.reveal().split('.')
  const payload = parts.length === 3 ? v.safeParse(claims, decodePart(parts[1] ?? '')) : undefined
  if (payload?.success !== true || parts.includes('')) {
    throw new Fault('usage', `${source} is not a JWT (header.payload.signature)`, {
      hint: 'a token of another kind goes into --auth-token or FOB_TOKEN',
    })
  }
  const { exp } = payload.output
  if (exp !== undefined && exp * 1000 <= now) {
    throw new Fault('credentials_expired', `the token in ${source} has expired`, { hint: 'get a new one' })
  }
}

/** When a token ends, in milliseconds since 1970; undefined for a token without an expiry, and for one that is not a JWT. */
export function jwtExpiry(token: Secret): number | undefined {
  const parts = token.reveal().split('.')
  const payload = parts.length === 3 ? v.safeParse(claims, decodePart(parts[1] ?? '')) : undefined
  const exp = payload?.success === true ? payload.output.exp : undefined
  // Beyond this a date cannot be written.
  return exp !== undefined && exp > 0 && exp < 8.64e12 ? exp * 1000 : undefined
}

const DAY_MS = 24 * 3_600_000
const ENDS_SOON_MS = 7 * DAY_MS

/** A warning about a token that ends within 7 days; undefined for any other. @param now milliseconds since 1970 */
export function endsSoon(expiresAt: number | undefined, now: number): string | undefined {
  if (expiresAt === undefined || expiresAt <= now || expiresAt - now > ENDS_SOON_MS) return undefined
  return `warning: this token ends in ${timeLeft(expiresAt - now)}, at ${instant(expiresAt)}`
}

function timeLeft(ms: number): string {
  const hours = Math.floor(ms / 3_600_000)
  if (hours < 1) return 'less than an hour'
  return hours < 48 ? `${hours} h` : `${Math.floor(ms / DAY_MS)} days`
}

function decodePart(part: string): unknown {
  return parseJson(Buffer.from(part, 'base64url').toString())
}

/** The expiry of a JWT, read without checking its signature, which only the server can. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { instant } from '../contract/instant-as-text.ts'
import { parseJson } from '../platform/parse-json.ts'
import type { Secret } from '../redact/secret.ts'

const claims = v.looseObject({
  exp: v.optional(v.unknown()),
  iat: v.optional(v.unknown()),
  aud: v.optional(v.unknown()),
})

/**
 * Requires a JWT (`header.payload.signature`) that has not expired.
 * @param now milliseconds since 1970.
 * @throws Fault `usage` for the shape, `credentials_expired` for the time; neither message shows the token.
 */
export function requireUsableJwt(token: Secret, source: string, now: number): void {
  const payload = payloadOf(token)
  if (payload === undefined) {
    throw new Fault('usage', `${source} is not a JWT (header.payload.signature)`, {
      hint: 'a token of another kind goes into --auth-token or FOB_TOKEN',
    })
  }
  if ((instantOf(payload.exp) ?? Infinity) <= now) {
    throw givenExpired(source)
  }
}

/** For a token that was given for this call. @param source the flag or variable that has it */
export function givenExpired(source: string): Fault {
  return new Fault('credentials_expired', `the token in ${source} has expired`, { hint: 'get a new one' })
}

/** When a token ends, in milliseconds since 1970; undefined for a token without an expiry, and for one that is not a JWT. */
export function jwtExpiry(token: Secret): number | undefined {
  const at = instantOf(payloadOf(token)?.exp)
  // Beyond this a date cannot be written.
  return at !== undefined && at > 0 && at < 8.64e15 ? at : undefined
}

/** Whether a token was issued for a day at most: such a one is always about to end, and a warning would come with every call. */
export function isShortLived(token: Secret): boolean {
  const payload = payloadOf(token)
  const [from, to] = [instantOf(payload?.iat), instantOf(payload?.exp)]
  return from !== undefined && to !== undefined && to - from <= DAY_MS
}

/** Whether a token has the form of a JWT. */
export function isJwt(token: Secret): boolean {
  return payloadOf(token) !== undefined
}

/** Whom a JWT is for, and until when; undefined for a token of another form. */
export function jwtClaims(token: Secret): { audiences: string[]; expiresAt: number | undefined } | undefined {
  const payload = payloadOf(token)
  if (payload === undefined) return undefined
  const audiences = [payload.aud].flat().filter((one) => typeof one === 'string')
  return { audiences, expiresAt: instantOf(payload.exp) }
}

function payloadOf(token: Secret): v.InferOutput<typeof claims> | undefined {
  const parts = token.reveal().split('.')
  if (parts.length !== 3 || parts.includes('')) return undefined
  const payload = v.safeParse(claims, parseJson(Buffer.from(parts[1] ?? '', 'base64url').toString()))
  return payload.success ? payload.output : undefined
}

/** Seconds since 1970 up to here, the year 5138, are seconds; a larger number can only be milliseconds. */
const MOST_SECONDS = 1e11

/**
 * The instant of an `exp`, in milliseconds since 1970. RFC 7519 §4.1.4 has seconds as a number; issuers are seen to
 * write milliseconds, digits or a date in quotes, and null for a token without an end.
 */
function instantOf(exp: unknown): number | undefined {
  if (typeof exp === 'string') {
    const text = exp.trim()
    if (/^\d+(?:\.\d+)?$/.test(text)) return instantOf(Number(text))
    const date = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : NaN
    return Number.isNaN(date) ? undefined : date
  }
  if (typeof exp !== 'number') return undefined
  return exp > MOST_SECONDS && exp < 1e15 ? exp : exp * 1000
}

const DAY_MS = 24 * 3_600_000
const ENDS_SOON_MS = 7 * DAY_MS

/**
 * A warning about a token that ends within 7 days; undefined for any other.
 * @param now milliseconds since 1970
 * @param name what the token is called in the warning
 */
export function endsSoon(
  expiresAt: number | undefined,
  now: number,
  name = 'this token',
): string | undefined {
  if (expiresAt === undefined || expiresAt <= now || expiresAt - now > ENDS_SOON_MS) return undefined
  return `warning: ${name} ends in ${timeLeft(expiresAt - now)}, at ${instant(expiresAt)}`
}

function timeLeft(ms: number): string {
  const hours = Math.floor(ms / 3_600_000)
  if (hours < 1) return 'less than an hour'
  return hours < 48 ? `${hours} h` : `${Math.floor(ms / DAY_MS)} days`
}

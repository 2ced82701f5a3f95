import type { Clock } from '../../../platform/clock.ts'
import { addressGroup } from '../../accounts/login-attempts.ts'
import { HttpError } from '../response.ts'

/** What a route can be limited as. Routes of one name share one allowance. */
export type LimitName = keyof typeof POLICIES

interface Policy {
  /** So many at once, and so many in every `seconds`: the allowance comes back evenly. */
  requests: number
  seconds: number
  /** The same for one account, whatever addresses it comes from. */
  perAccount: number
}

/** Far above what people and their programs do; many people can share an address. */
const POLICIES = {
  login: { requests: 120, seconds: 60, perAccount: 60 },
  token: { requests: 600, seconds: 60, perAccount: 600 },
  device: { requests: 60, seconds: 60, perAccount: 60 },
  registration: { requests: 60, seconds: 600, perAccount: 60 },
  // The senders' own addresses are few, and everybody's.
  webhook: { requests: 1200, seconds: 60, perAccount: 300 },
  'token-creation': { requests: 120, seconds: 600, perAccount: 60 },
} as const satisfies Record<string, Policy>

export interface Limits {
  /**
   * Counts a request against an address, and against an account where it is known already.
   * @returns the `RateLimit-*` headers of the answer (draft-ietf-httpapi-ratelimit-headers-06)
   * @throws HttpError 429 with `Retry-After` and those headers
   */
  take(name: LimitName, who: { address: string } | { account: string }): Record<string, string>
}

/**
 * Keys that are kept. Where more come within a period than this, the unknown ones share one allowance: under
 * a flood from everywhere newcomers wait, and nobody gets a fresh start by being forgotten.
 */
const MAX_KEYS = 20_000
const SWEEP_EVERY_MS = 1000

/** In memory: a restart forgets. */
export function openLimits(clock: Clock, maxKeys = MAX_KEYS): Limits {
  /** Per key, when its allowance will be whole again (GCRA's theoretical arrival time). */
  const wholeAt = new Map<string, number>()
  let sweptAt = 0

  const keyFor = (wanted: string, shared: string, now: number): string => {
    if (wholeAt.has(wanted) || wholeAt.size < maxKeys) return wanted
    if (now - sweptAt >= SWEEP_EVERY_MS) {
      sweptAt = now
      for (const [key, at] of wholeAt) if (at <= now) wholeAt.delete(key)
    }
    return wholeAt.size < maxKeys ? wanted : shared
  }

  return {
    take: (name, who) => {
      const policy = POLICIES[name]
      const [kind, id, requests] =
        'address' in who
          ? ['address', addressGroup(who.address), policy.requests]
          : ['account', who.account, policy.perAccount]
      const now = clock.now()
      const key = keyFor(`${name} ${kind} ${id}`, `${name} ${kind}`, now)
      const period = policy.seconds * 1000
      const each = period / requests
      const from = Math.max(now, wholeAt.get(key) ?? 0)
      const waitMs = from + each - now - period
      const headers = (at: number) => ({
        'ratelimit-limit': String(requests),
        'ratelimit-remaining': String(Math.max(0, Math.floor((period - (at - now)) / each))),
        'ratelimit-reset': String(Math.max(0, Math.ceil((at - now) / 1000))),
      })
      if (waitMs > 0) throw tooMany(Math.max(1, Math.ceil(waitMs / 1000)), headers(from))
      wholeAt.set(key, from + each)
      return headers(from + each)
    },
  }
}

/** One more attempt after so many seconds, of a caller who has guessed before (`accounts/login-attempts.ts`). */
export function tooManyAttempts(seconds: number): HttpError {
  return new HttpError(429, 'rate_limited', `too many attempts, try again in ${seconds} s`, {
    details: { retryAfter: seconds },
    headers: attemptHeaders(seconds),
  })
}

/** The headers of that answer, also where it is a page. */
export function attemptHeaders(seconds: number): Record<string, string> {
  return {
    'ratelimit-limit': '1',
    'ratelimit-remaining': '0',
    'ratelimit-reset': String(seconds),
    'retry-after': String(seconds),
  }
}

function tooMany(seconds: number, headers: Record<string, string>): HttpError {
  const message = `too many requests, try again in ${seconds} s`
  return new HttpError(429, 'rate_limited', message, {
    // RFC 6749 §5.2 clients read `error_description`.
    details: { error_description: message, retryAfter: seconds },
    headers: { ...headers, 'retry-after': String(seconds) },
  })
}

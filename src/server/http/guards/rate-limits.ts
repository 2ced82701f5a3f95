/** The rate limits of routes, by address and by account. */
import type { Clock } from '../../../platform/clock.ts'
import { addressGroup } from '../../accounts/login-attempt-limits.ts'
import { HttpError } from '../response/http-error.ts'

/** The policies of limited routes. Routes with the same policy share one allowance. */
export type LimitName = keyof typeof POLICIES

interface Policy {
  /** So many at once, and so many in every `seconds`: the allowance is restored evenly. */
  requests: number
  seconds: number
  /** The same for one account, from any address. */
  perAccount: number
  /** The same for all addresses together: what strangers can make the server store or compute has an end. */
  total: number
}

/** Far above what people and their programs need; many people can share an address. */
const POLICIES = {
  login: { requests: 120, seconds: 60, perAccount: 60, total: 1200 },
  authorize: { requests: 300, seconds: 60, perAccount: 300, total: 6000 },
  token: { requests: 600, seconds: 60, perAccount: 600, total: 30_000 },
  device: { requests: 60, seconds: 60, perAccount: 60, total: 1200 },
  registration: { requests: 60, seconds: 600, perAccount: 60, total: 600 },
  // Webhooks of all users come from the few addresses of their provider.
  webhook: { requests: 1200, seconds: 60, perAccount: 300, total: 6000 },
  'token-creation': { requests: 120, seconds: 600, perAccount: 60, total: 1200 },
} as const satisfies Record<string, Policy>

export interface Limits {
  /**
   * Counts a request against one allowance.
   * @returns the `RateLimit-*` headers of the response (draft-ietf-httpapi-ratelimit-headers-06)
   * @throws HttpError 429 with `Retry-After` and those headers
   */
  take(name: LimitName, caller: Limited): Record<string, string>
}

/** Against which allowance a request counts. */
export interface Limited {
  kind: 'address' | 'account'
  id: string
}

/**
 * How many allowances are remembered. Beyond that, unknown callers share one: under a flood from many addresses new
 * callers wait, and none gets a fresh allowance because its old one was dropped.
 */
const MAX_KEYS = 20_000
const SWEEP_EVERY_MS = 1000

/** In memory: a restart resets all allowances. */
export function openLimits(clock: Clock, maxKeys = MAX_KEYS): Limits {
  /** When the allowance of each key will be complete again (the theoretical arrival time of GCRA). */
  const wholeAt = new Map<string, number>()
  /** The same for the totals, which are few and never forgotten. */
  const totalWholeAt = new Map<string, number>()
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
    take: (name, caller) => {
      const { requests, perAccount, total, seconds } = POLICIES[name]
      const { kind } = caller
      const now = clock.now()
      const id = kind === 'address' ? addressGroup(caller.id) : caller.id
      const key = keyFor(`${name} ${kind} ${id}`, `${name} ${kind}`, now)
      const own = allowance(
        wholeAt,
        key,
        { requests: kind === 'address' ? requests : perAccount, seconds },
        now,
      )
      // Counted only when both let the request through: one that is refused costs nothing.
      const all =
        kind === 'address' ? allowance(totalWholeAt, name, { requests: total, seconds }, now) : undefined
      for (const one of all ? [own, all] : [own]) {
        if (one.waitMs > 0) throw tooMany(Math.max(1, Math.ceil(one.waitMs / 1000)), one.headers(one.from))
      }
      all?.take()
      return own.headers(own.take())
    },
  }
}

interface Rate {
  requests: number
  seconds: number
}

/** The generic cell rate algorithm: an allowance is a time, so nothing has to run to restore it. */
function allowance(times: Map<string, number>, key: string, { requests, seconds }: Rate, now: number) {
  const period = seconds * 1000
  const each = period / requests
  const from = Math.max(now, times.get(key) ?? 0)
  return {
    from,
    waitMs: from + each - now - period,
    take: () => {
      times.set(key, from + each)
      return from + each
    },
    headers: (at: number) => ({
      'ratelimit-limit': String(requests),
      'ratelimit-remaining': String(Math.max(0, Math.floor((period - (at - now)) / each))),
      'ratelimit-reset': String(Math.max(0, Math.ceil((at - now) / 1000))),
    }),
  }
}

/** For a caller with too many failed logins (`accounts/login-attempt-limits.ts`). */
export function tooManyAttempts(seconds: number): HttpError {
  return new HttpError(429, 'rate_limited', `too many attempts, try again in ${seconds} s`, {
    details: { retryAfter: seconds },
    headers: attemptHeaders(seconds),
  })
}

/** The headers of that response, also where it is a page. */
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

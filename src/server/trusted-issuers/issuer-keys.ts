/** The keys of one issuer: cached, fetched again when they are old or one is missing, by one request at a time. */
import type { JWTVerifyGetKey } from 'jose'
import type { Clock } from '../../platform/clock.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import type { Log } from '../log.ts'
import { fetchIssuerKeys, type KeyPlace } from './fetch-issuer-keys.ts'

/** So long a key that its issuer has withdrawn is still accepted, while the issuer can be reached. */
const FRESH_MS = 10 * 60_000
/** So long keys are used while the issuer cannot be reached. */
const STALE_MS = 60 * 60_000
/** What strangers can make us ask an issuer for has an end: a token with an unknown key costs them nothing. */
const RETRY_MS = 10_000
/** Requests that wait for one fetch; more are refused at once. */
const MAX_WAITING = 1000

/** Keys that are good now. The same object for as long as they are the same keys. */
export interface KeySet {
  find: JWTVerifyGetKey
}

type Lookup = { kind: 'keys'; set: KeySet } | { kind: 'none'; why: string }

export interface IssuerKeys {
  /** The keys, fetched where they are not known or have become old. Never throws. */
  current(): Promise<Lookup>
  /**
   * The keys after one of them was missing in `seen`: fetched again, unless that was done a moment ago.
   * @returns undefined where there are no others
   */
  after(seen: KeySet): Promise<KeySet | undefined>
  /** Whether what was verified by these keys would be verified by them now. */
  isCurrent(set: KeySet): boolean
}

export function openIssuerKeys(
  place: KeyPlace,
  { fetch, clock, log, timeoutMs }: { fetch: Fetch; clock: Pick<Clock, 'now'>; log: Log; timeoutMs?: number },
): IssuerKeys {
  let held: { set: KeySet; text: string; at: number } | undefined
  let fetching: Promise<void> | undefined
  let waiting = 0
  let tried: { at: number; why: string } | undefined

  const isFresh = () => held !== undefined && clock.now() - held.at < FRESH_MS

  const fetchNow = async (): Promise<void> => {
    const found = await fetchIssuerKeys(place, { fetch, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
    if (found.kind === 'failed') {
      tried = { at: clock.now(), why: found.why }
      log.warn('the keys of a trusted issuer could not be fetched', { issuer: place.issuer, why: found.why })
      return
    }
    const { createLocalJWKSet } = await import('jose')
    const set = held?.text === found.text ? held.set : { find: createLocalJWKSet(found.keys) }
    tried = { at: clock.now(), why: 'it has no such key' }
    held = { set, text: found.text, at: clock.now() }
  }

  /** Waits for a fetch that may be on its way already. @returns false where it is too early for another one */
  const refresh = async (): Promise<boolean> => {
    if (fetching === undefined) {
      if (tried !== undefined && clock.now() - tried.at < RETRY_MS) return false
      fetching = fetchNow().finally(() => (fetching = undefined))
    }
    if (waiting >= MAX_WAITING) return false
    waiting += 1
    try {
      await fetching
    } finally {
      waiting -= 1
    }
    return true
  }

  return {
    async current() {
      if (!isFresh()) await refresh()
      if (held !== undefined && clock.now() - held.at < STALE_MS) return { kind: 'keys', set: held.set }
      return { kind: 'none', why: tried?.why ?? 'too many requests wait for its keys' }
    },
    async after(seen) {
      if (held?.set === seen) await refresh()
      return held === undefined || held.set === seen ? undefined : held.set
    },
    isCurrent: (set) => held?.set === set && isFresh(),
  }
}

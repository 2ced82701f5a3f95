/** Limits on guessing passwords, by account and by address. */
import type { Clock } from '../../platform/clock.ts'

/**
 * Guessing is slowed by account and by address. An address or a browser that was let in to the account before has a
 * count of its own, so that strangers who guess cannot lock the owner out. In memory: a restart forgets, argon2id
 * and the cookies of browsers remain.
 */
export interface Attempts {
  /**
   * Counts an attempt, as a failure until `succeeded` says otherwise.
   * @param browser the name of a browser that was let in to this account before (`knownBrowsers`)
   * @returns seconds to wait; 0 when the attempt may proceed (only then is it counted).
   */
  start(account: string, address: string, browser?: string): number
  succeeded(account: string, address: string, browser?: string): void
}

interface Limit {
  /** This many attempts are free; each one more doubles the wait, from one second on. */
  free: number
  maxWaitSeconds: number
}

/** Many people can share an address, nobody needs more than a few tries for one account. */
const BY_ACCOUNT: Limit = { free: 5, maxWaitSeconds: 300 }
const BY_ADDRESS: Limit = { free: 20, maxWaitSeconds: 300 }
const FORGET_MS = 15 * 60_000
const MAX_ENTRIES = 10_000

/** The counts that an attempt belongs to. A browser that is known is not asked where it is. */
interface Counted {
  account: string
  address: string | undefined
}

export function openAttempts(clock: Clock): Attempts {
  const accounts = counter(clock, BY_ACCOUNT)
  const addresses = counter(clock, BY_ADDRESS)
  /** The accounts with the addresses that were let in, the one used longest ago first. */
  const known = new Set<string>()

  const counted = (account: string, address: string, browser: string | undefined): Counted => {
    if (browser !== undefined) return { account: `${account}\nbrowser ${browser}`, address: undefined }
    const from = addressGroup(address)
    const own = `${account}\naddress ${from}`
    return { account: known.has(own) ? own : account, address: from }
  }
  const remember = (account: string, address: string) => {
    const own = `${account}\naddress ${addressGroup(address)}`
    const [oldest] = known
    known.delete(own)
    if (known.size >= MAX_ENTRIES && oldest !== undefined) known.delete(oldest)
    known.add(own)
  }

  return {
    start: (account, address, browser) => {
      const by = counted(account, address, browser)
      const waitOfAddress = by.address === undefined ? 0 : addresses.wait(by.address)
      const wait = Math.max(accounts.wait(by.account), waitOfAddress)
      if (wait > 0) return wait
      accounts.count(by.account)
      if (by.address !== undefined) addresses.count(by.address)
      return 0
    },
    succeeded: (account, address, browser) => {
      const by = counted(account, address, browser)
      accounts.clear(by.account)
      // The address keeps its earlier failures: one known password must not buy endless guesses at others.
      if (by.address !== undefined) addresses.uncount(by.address)
      remember(account, address)
    },
  }
}

function counter(clock: Clock, limit: Limit) {
  const entries = new Map<string, { failures: number; lastAt: number; blockedUntil: number }>()
  const current = (key: string) => {
    const entry = entries.get(key)
    return entry && clock.now() - entry.lastAt < FORGET_MS ? entry : undefined
  }
  return {
    wait: (key: string): number =>
      Math.max(0, Math.ceil(((current(key)?.blockedUntil ?? 0) - clock.now()) / 1000)),
    count: (key: string): void => {
      const failures = (current(key)?.failures ?? 0) + 1
      const over = failures - limit.free
      const seconds = over < 0 ? 0 : Math.min(2 ** over, limit.maxWaitSeconds)
      // Deleted and set again, so that the first key is always the one used longest ago.
      entries.delete(key)
      entries.set(key, { failures, lastAt: clock.now(), blockedUntil: clock.now() + seconds * 1000 })
      const [oldest] = entries.keys()
      if (entries.size > MAX_ENTRIES && oldest !== undefined) entries.delete(oldest)
    },
    uncount: (key: string): void => {
      const entry = entries.get(key)
      if (entry) entry.failures = Math.max(0, entry.failures - 1)
    },
    clear: (key: string): void => {
      entries.delete(key)
    },
  }
}

/** One IPv6 customer holds a whole /64, so its first four groups count as one address. */
export function addressGroup(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1]) return mapped[1]
  if (!address.includes(':')) return address
  const [head = '', tail] = address.toLowerCase().split('::', 2)
  const left = head === '' ? [] : head.split(':')
  const right = tail ? tail.split(':') : []
  const gap = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...Array.from({ length: gap }, () => '0'), ...right]
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}

/** A cache of what the database says of a key, valid until a change that matters. */
import { openEpoch } from './credential-change-counter.ts'
import type { Db } from './open-database.ts'

/** Entries; the oldest one makes room. */
const MAX_ENTRIES = 10_000

function afterSecond(run: () => void): void {
  setTimeout(run, 1000).unref()
}

/**
 * Remembers what was found for a key, so that the next request with it need not look again: whom a credential
 * belongs to, which rules a tenant has.
 *
 * Nothing outlives a change: triggers of the database count whatever ends or changes a person, a membership, a
 * tenant, a token or a rule (`credential_epoch`), in this process or in another one, and that number is read
 * before every response. What changes by time alone (expiry) and what every request has to prove again (a
 * signature, its nonce) is not for `look` to decide, but for its caller. That nothing was found is not
 * remembered.
 *
 * @param look what the database says of a key; of nothing that the triggers do not count
 * @param maxEntries more than these are looked up again
 * @param soon runs something in a second
 */
export function remember<T extends object>(
  db: Db,
  look: (key: string) => T | undefined,
  maxEntries = MAX_ENTRIES,
  soon: (run: () => void) => unknown = afterSecond,
): (key: string) => T | undefined {
  const remembered = openRemembered<T>(db, maxEntries, soon)
  return (key) => remembered.find(key) ?? remembered.put(key, () => look(key))
}

interface RememberedByKey<T> {
  find(key: string): T | undefined
  /**
   * Remembers what `look` finds, instead of what was known of the key before.
   * @param look without waiting: what takes longer is found out first
   */
  put(key: string, look: () => T | undefined): T | undefined
}

/** The same in two steps, for what cannot be looked up at once. */
export function openRemembered<T extends object>(
  db: Db,
  maxEntries = MAX_ENTRIES,
  soon: (run: () => void) => unknown = afterSecond,
): RememberedByKey<T> {
  const currentEpoch = openEpoch(db)
  /** By SHA-256: keys are credentials, and memory need not hold what could be presented. */
  const known = new Map<string, T>()
  /** By themselves, for a second: those of requests that have hardly left the memory. */
  const recent = new Map<string, T>()
  let epoch = Number.NaN

  /** To be called first: a change that comes after it makes the next request look again. */
  function forgetAfterChange(): void {
    const now = currentEpoch()
    if (now === epoch) return
    known.clear()
    recent.clear()
    epoch = now
  }

  function noteRecent(key: string, found: T): T {
    if (recent.size === 0) soon(() => recent.clear())
    if (recent.size < maxEntries || recent.has(key)) recent.set(key, found)
    return found
  }

  return {
    find(key) {
      forgetAfterChange()
      const before = recent.get(key)
      if (before !== undefined) return before
      const found = known.get(Bun.SHA256.hash(key, 'base64'))
      return found === undefined ? undefined : noteRecent(key, found)
    },
    put(key, look) {
      forgetAfterChange()
      const found = look()
      if (found === undefined) return undefined
      const hash = Bun.SHA256.hash(key, 'base64')
      const [oldest] = known.keys()
      if (known.size >= maxEntries && oldest !== undefined && !known.has(hash)) known.delete(oldest)
      known.set(hash, found)
      return noteRecent(key, found)
    },
  }
}

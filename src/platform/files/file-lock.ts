import { closeSync, constants, openSync } from 'node:fs'
import type { Clock } from '../clock.ts'

/** Releases the lock. More than one call does no harm. */
export type Release = () => void

/** How often a waiting process tries: soon at first, then less often, so that a hundred do not starve the one. */
const FIRST_RETRY_MS = 10
const LAST_RETRY_MS = 60

export interface LockOptions {
  clock: Clock
  /** How long to wait for it; with 0 it is tried once. */
  timeoutMs: number
  signal?: AbortSignal
  /** Asked before every further try: when true, the lock is wanted no more. */
  unneeded?: () => Promise<boolean>
}

/**
 * Takes the exclusive lock on `path`, across processes. The kernel holds it (SQLite's own file locking on
 * an empty database, which is the one such lock that Bun brings to every system), so a holder that dies
 * lets go at once: there is no stale lock to clean up and no time after which a slow holder is robbed.
 * @returns undefined when another process still holds it after `timeoutMs`, or when it is unneeded.
 * @throws the signal's reason when aborted; the system's error when the file cannot be made.
 */
export async function lockFile(
  path: string,
  { clock, timeoutMs, signal, unneeded }: LockOptions,
): Promise<Release | undefined> {
  // SQLite would create it readable for all.
  const { O_CREAT, O_RDWR, O_NOFOLLOW } = constants
  closeSync(openSync(path, O_CREAT | O_RDWR | (O_NOFOLLOW ?? 0), 0o600))
  const { Database } = await import('bun:sqlite')
  const database = new Database(path)
  const deadline = clock.now() + timeoutMs
  try {
    database.run('PRAGMA busy_timeout = 0')
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 1.5, LAST_RETRY_MS)) {
      if (tryBegin(database)) return () => database.close()
      if (clock.now() >= deadline) break
      await clock.sleep(wait, signal)
      if (await unneeded?.()) break
    }
  } catch (error) {
    database.close()
    throw error
  }
  database.close()
  return undefined
}

function tryBegin(database: { run(sql: string): unknown }): boolean {
  try {
    // In memory, so that no second file appears beside the lock.
    database.run('PRAGMA journal_mode = MEMORY')
    database.run('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return false
    throw error
  }
}

/** An exclusive lock between processes, held by the kernel. */
import { closeSync, constants, openSync } from 'node:fs'
import type { Clock } from '../clock.ts'

/** Releases the lock; further calls do nothing. */
export type Release = () => void

/** Waiting processes retry soon at first and then less often, so that a hundred of them do not starve the holder. */
const FIRST_RETRY_MS = 10
const LAST_RETRY_MS = 60

export interface LockOptions {
  clock: Clock
  /** How long to wait for the lock; with 0 it is tried once. */
  timeoutMs: number
  signal?: AbortSignal
  /** Called before each retry: true means that the lock is no longer needed. */
  unneeded?: () => Promise<boolean>
}

/**
 * Takes the exclusive lock on `path`. It is SQLite's file locking on an empty database, the one kernel lock that Bun
 * has on every system. A holder that dies releases it at once: there are no stale locks, and a slow holder does not
 * lose it.
 * @returns undefined when another process still holds it after `timeoutMs`, or when it is no longer needed
 * @throws the signal's reason when aborted; the system's error when the file cannot be created
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
      if (tryLock(database)) return () => database.close()
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

function tryLock(database: { run(sql: string): unknown }): boolean {
  try {
    // In memory, so that no second file appears next to the lock.
    database.run('PRAGMA journal_mode = MEMORY')
    database.run('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return false
    throw error
  }
}

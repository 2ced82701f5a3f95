/** Giving free pages of the database file back to the system. */
import type { Db } from './open-database.ts'

/** Free space that the file keeps for what comes. */
const RESERVE_BYTES = 64 * 1024 * 1024
/** Pages in one go: a millisecond or two. */
const STEP = 64

/**
 * Gives some of the file's free pages back to the system (SQLite, `PRAGMA incremental_vacuum`).
 * @returns whether there are more that it should not keep
 */
export function giveBackPages({ $client }: Db): boolean {
  const read = (name: 'freelist_count' | 'page_size') => {
    const row = $client.query(`PRAGMA ${name}`).get() as Record<string, number>
    return row[name] ?? 0
  }
  const reserve = RESERVE_BYTES / read('page_size')
  const before = read('freelist_count')
  if (before <= reserve) return false
  $client.run(`PRAGMA incremental_vacuum(${STEP})`)
  const after = read('freelist_count')
  return after < before && after > reserve
}

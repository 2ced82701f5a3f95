import type { Db } from './open.ts'

/**
 * The number that the database's triggers raise with every change that matters to what is remembered of people
 * and their credentials (`credential_epoch`).
 *
 * The row is read once in a turn of the event loop: what was sent after another process made a change arrives
 * in a later turn. What this process writes shows at once, whatever the turn: then SQLite's own count of
 * changed rows differs, and asking for that touches no file.
 * @param whenTurnEnds runs something after the current turn
 */
export function openEpoch(db: Db, whenTurnEnds: (run: () => void) => unknown = setImmediate): () => number {
  const row = db.$client.query<{ value: number }, []>('SELECT value FROM credential_epoch')
  const written = db.$client.query<{ rows: number }, []>('SELECT total_changes() AS rows')
  let read: { value: number; rows: number } | undefined
  return () => {
    const rows = written.get()?.rows ?? 0
    if (read?.rows === rows) return read.value
    if (read === undefined) whenTurnEnds(() => (read = undefined))
    // Without the row nothing holds: a number that is equal to none.
    read = { value: row.get()?.value ?? Number.NaN, rows }
    return read.value
  }
}

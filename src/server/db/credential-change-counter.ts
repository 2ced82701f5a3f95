/** The number that the database raises with every change to credentials and rules. */
import type { Database } from 'bun:sqlite'
import type { Db } from './open-database.ts'

/**
 * The number that the database's triggers raise with every change that matters to what is remembered of people
 * and their credentials (`credential_epoch`).
 *
 * The row is read once in a turn of the event loop: what was sent after another process made a change arrives
 * in a later turn. What this process changes shows at once, whatever the turn. All caches of a connection share it.
 */
export function openEpoch(db: Db): () => number {
  const known = opened.get(db.$client)
  if (known !== undefined) return known
  const epoch = readEpochOncePerTurn(db)
  opened.set(db.$client, epoch)
  return epoch
}

const opened = new WeakMap<Database, () => number>()

function readEpochOncePerTurn(db: Db): () => number {
  const row = db.$client.query<{ value: number }, []>('SELECT value FROM credential_epoch')
  const own = ownChanges(db.$client)
  let read: { value: number; own: number } | undefined
  return () => {
    if (read !== undefined && read.own === own.count) return read.value
    if (read === undefined) setImmediate(() => (read = undefined))
    // Without the row nothing holds: a number that is equal to none.
    read = { value: row.get()?.value ?? Number.NaN, own: own.count }
    return read.value
  }
}

const counted = new WeakMap<Database, { count: number }>()

/** How often this connection has changed the row: SQLite tells, through a trigger that only this connection has. */
function ownChanges(client: Database): { readonly count: number } {
  const known = counted.get(client)
  if (known !== undefined) return known
  const own = { count: 0 }
  counted.set(client, own)
  client.function('own_credential_change', () => void own.count++)
  client.run(`CREATE TEMP TRIGGER own_credential_change AFTER UPDATE ON main.credential_epoch
    BEGIN SELECT own_credential_change(); END`)
  return own
}

/** Adopting a secrets database of the older program. */
import { Database } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import { Fault } from '../../contract/fault.ts'
import { makeOurs } from '../db/open-database.ts'
import type { Unlock } from './backend-interface.ts'
import { legacyKey, openLegacy } from './cipher.ts'

/**
 * A secrets database of the older program: a file with one table
 * `secrets (scope, key, encrypted_value[, updated_at])` and no application ID; values in the plain SHA-256 form
 *, scopes spelled as ours, no tenants. Its later form derives its key otherwise and has a table `kdf_params`
 * with a row in it; that one is not read.
 */
const OLD_COLUMNS = ['scope', 'key', 'encrypted_value']
const OLD_TABLES = new Set(['secrets', 'kdf_params'])

interface OldRow {
  scope: string
  key: string
  encrypted_value: Uint8Array
  updated_at: unknown
}

/**
 * Makes an old file one of ours, in one transaction, its values as they are: they are read under the old key and
 * rewritten when they are next set or moved. Any other file is left alone.
 * @returns how many secrets were in it; undefined where nothing was done
 * @throws Fault `config` when the passphrase does not open it; nothing has been written then
 */
export function adoptOldDatabase(
  path: string,
  deps: { unlock: Unlock | undefined; tenantId: string; now: number },
): number | undefined {
  if (!existsSync(path)) return undefined
  const sqlite = openQuietly(path)
  if (sqlite === undefined) return undefined
  try {
    if (!isOld(sqlite)) return undefined
    const adopt = sqlite.transaction(() => {
      const rows = sqlite.query<OldRow, []>('SELECT * FROM secrets').all()
      checkPassphrase(rows, deps.unlock, path)
      for (const table of OLD_TABLES) sqlite.run(`DROP TABLE IF EXISTS ${table}`)
      makeOurs(sqlite)
      const insert = sqlite.query(
        `INSERT INTO secrets (tenant_id, scope, key, ciphertext, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)`,
      )
      for (const { scope, key, encrypted_value, updated_at } of rows) {
        const updatedAt = typeof updated_at === 'number' ? updated_at * 1000 : deps.now
        insert.run(deps.tenantId, scope, key, encrypted_value, updatedAt)
      }
      return rows.length
    })
    return adopt.immediate()
  } finally {
    sqlite.close()
  }
}

/** Undefined for a file that is not a database: opening it properly gives the better message. */
function openQuietly(path: string): Database | undefined {
  try {
    const sqlite = new Database(path, { create: false, readwrite: true })
    sqlite.query('SELECT count(*) FROM sqlite_schema').get()
    return sqlite
  } catch {
    return undefined
  }
}

function isOld(sqlite: Database): boolean {
  const { application_id: ours } = sqlite.query('PRAGMA application_id').get() as { application_id: number }
  const tables = sqlite
    .query<{ name: string }, []>(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
    )
    .all()
  if (ours !== 0 || !tables.every(({ name }) => OLD_TABLES.has(name))) return false
  const columns = sqlite.query<{ name: string }, []>('PRAGMA table_info(secrets)').all()
  const names = new Set(columns.map(({ name }) => name))
  if (!OLD_COLUMNS.every((name) => names.has(name))) return false
  const hasKdf = tables.some(({ name }) => name === 'kdf_params')
  return !hasKdf || sqlite.query('SELECT 1 FROM kdf_params').get() === null
}

function checkPassphrase(rows: readonly OldRow[], unlock: Unlock | undefined, path: string): void {
  const key = unlock?.kind === 'passphrase' ? legacyKey(unlock.passphrase) : undefined
  const opens = (row: OldRow) =>
    key !== undefined && openLegacy(key, Buffer.from(row.encrypted_value)) !== undefined
  if (rows.length === 0 || rows.some(opens)) return
  throw new Fault('config', `the passphrase does not open the secrets of an older program in ${path}`, {
    hint: 'give the one that they were stored under; nothing was changed',
  })
}

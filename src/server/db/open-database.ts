/**
 * Owns: the database file. Opens it, brings it up to date, closes it.
 * Refuses: a database written by a newer fob, a file that is not ours.
 */
import { Database } from 'bun:sqlite'
import { chmodSync } from 'node:fs'
import { type BunSQLiteDatabase, drizzle } from 'drizzle-orm/bun-sqlite'
import { Fault } from '../../contract/fault.ts'
import { codeOf, prepareFile, unusable } from './database-files.ts'
import { MIGRATIONS } from './migrations.ts'

/** `$client` is for what is asked so often that drizzle's part of it would count. */
export type Db = BunSQLiteDatabase & { $client: Database }

/** What runs in `db.transaction`. */
export type Transaction = Parameters<Parameters<Db['transaction']>[0]>[0]

export interface OpenDatabase {
  db: Db
  /** Whether there was no database before. */
  isNew: boolean
  close(): void
}

/** "fob1" as a big-endian integer: what `file` and SQLite tools show for our databases. */
export const APPLICATION_ID = 0x666f6231

/**
 * Opens (or creates) the database at `path` and applies the migrations it lacks, all in one transaction.
 * @param path a file, or `:memory:`. The file is 0600, a folder made for it 0700.
 * @param hint what to do when the file is another program's
 * @throws Fault `config` when the file is not ours, was written by a newer fob, or cannot be used
 */
export function openDatabase(path: string, hint = 'give another folder with --data'): OpenDatabase {
  const isNew = path === ':memory:' || prepareFile(path)
  const sqlite = openFile(path)
  try {
    sqlite.run('PRAGMA busy_timeout = 5000')
    refuseForeign(sqlite, path, hint)
    if (!isNew) refuseEmpty(sqlite, path)
    if (path !== ':memory:') chmodSync(path, 0o600)
    // Before anything is in it: later it has no effect, but writes to the file.
    if (pragma(sqlite, 'user_version') === 0) sqlite.run('PRAGMA auto_vacuum = INCREMENTAL')
    sqlite.run('PRAGMA journal_mode = WAL')
    sqlite.run('PRAGMA foreign_keys = ON')
    sqlite.run('PRAGMA synchronous = NORMAL')
    sqlite.run('PRAGMA secure_delete = ON')
    // 16 MiB instead of 4: each checkpoint waits for the disk twice, and a page that changed in between is written once.
    sqlite.run('PRAGMA wal_autocheckpoint = 4000')
    migrate(sqlite)
  } catch (error) {
    sqlite.close()
    if (error instanceof Fault) throw error
    const code = codeOf(error)
    if (code !== '' && !DAMAGED.has(code)) throw unusable(path, error)
    throw new Fault('config', `${path} is not a fob database`, { hint, cause: error })
  }
  compileOnce(sqlite)
  // Without the schema: with it, every transaction would create a query builder for each table.
  return { db: drizzle(sqlite), isNew, close: () => sqlite.close() }
}

/** More statements than a server has that are not written by a caller's filters. */
const CACHED_STATEMENTS = 400

/** drizzle compiles a statement each time that it runs one; the cache of the connection has it compiled already. */
function compileOnce(sqlite: Database): void {
  Database.MAX_QUERY_CACHE_SIZE = CACHED_STATEMENTS
  sqlite.prepare = (sql) => sqlite.query(sql)
}

function openFile(path: string): Database {
  try {
    return new Database(path, { create: true, strict: true })
  } catch (error) {
    throw unusable(path, error)
  }
}

/** SQLite's error codes for a file that can be read, but is not a database of this server. */
const DAMAGED: ReadonlySet<string> = new Set(['SQLITE_NOTADB', 'SQLITE_CORRUPT', 'SQLITE_ERROR'])

/** Looks before anything is written, so that a file that is not for us stays as it is. */
function refuseForeign(sqlite: Database, path: string, hint: string): void {
  const version = pragma(sqlite, 'user_version')
  const { n } = sqlite.query('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number }
  if (n > 0 && pragma(sqlite, 'application_id') !== APPLICATION_ID) {
    throw new Fault('config', `${path} belongs to another program`, { hint })
  }
  if (version > MIGRATIONS.length) {
    throw new Fault(
      'config',
      `${path} was written by a newer fob (format ${version}, this one knows ${MIGRATIONS.length})`,
      { hint: 'run the newer fob; the database was not touched' },
    )
  }
}

/** How long another process may take to fill a file that it has just created. */
const FILLED_WITHIN_MS = 2000

/**
 * A file without a table is what a copy leaves that failed, or that left the write-ahead log behind. Beginning anew in it
 * would look like a server that lost everything.
 */
function refuseEmpty(sqlite: Database, path: string): void {
  for (let waited = 0; pragma(sqlite, 'user_version') === 0; waited += 50) {
    if (waited >= FILLED_WITHIN_MS) {
      throw new Fault('config', `${path} is there, but it is empty`, {
        hint: 'restore a backup with "fob server restore FILE --force", or delete the file to start anew',
      })
    }
    Bun.sleepSync(50)
  }
}

function migrate(sqlite: Database): void {
  // A database that is up to date is not written to by being opened.
  if (pragma(sqlite, 'user_version') === MIGRATIONS.length) return
  sqlite.transaction(() => makeOurs(sqlite)).immediate()
}

/** Applies the migrations that a database lacks. Inside a transaction: another process may be at it too. */
export function makeOurs(sqlite: Database): void {
  for (const sql of MIGRATIONS.slice(pragma(sqlite, 'user_version'))) sqlite.run(sql)
  sqlite.run(`PRAGMA application_id = ${APPLICATION_ID}`)
  sqlite.run(`PRAGMA user_version = ${MIGRATIONS.length}`)
}

function pragma(sqlite: Database, name: 'user_version' | 'application_id'): number {
  const row = sqlite.query(`PRAGMA ${name}`).get() as Record<string, number>
  return row[name] ?? 0
}

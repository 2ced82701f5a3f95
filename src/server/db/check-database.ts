/** The checks of a database file that change nothing. */
import { Database } from 'bun:sqlite'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { APPLICATION_ID, type Db } from './open-database.ts'
import { MIGRATIONS } from './migrations.ts'

/** One thing that was looked at. `problem` is undefined where all is well. */
export interface Finding {
  check: string
  detail: string
  problem?: string
  /** The problem is that an older fob wrote this. */
  outdated?: boolean
}

/**
 * Opens a database without writing to it (no migration either) and looks at its file: whose it is, its format,
 * its pages and indexes, its references, its triggers.
 * @param more further checks on the same open database, made only where it can be read
 */
export async function checkFile(path: string, more: (db: Db) => Promise<Finding>): Promise<Finding[]> {
  let sqlite: Database
  try {
    sqlite = new Database(path, { readonly: true, strict: true })
  } catch {
    return [{ check: 'database', detail: path, problem: `${path} cannot be opened` }]
  }
  try {
    sqlite.run('PRAGMA busy_timeout = 5000')
    const format = formatOf(sqlite)
    if (format.problem !== undefined) return [format]
    const log = await more(drizzle(sqlite))
    return [format, integrity(sqlite), references(sqlite), log, triggers(sqlite)]
  } catch {
    return [{ check: 'database', detail: path, problem: `${path} cannot be read: it is damaged` }]
  } finally {
    sqlite.close()
  }
}

/** Whether the pages and indexes of a database are as they should be, whatever its format. */
export function checkPages(path: string): Finding {
  const sqlite = new Database(path, { readonly: true })
  try {
    return integrity(sqlite)
  } finally {
    sqlite.close()
  }
}

function formatOf(sqlite: Database): Finding {
  const read = (name: string) => Number(Object.values(sqlite.query(`PRAGMA ${name}`).get() ?? {})[0] ?? 0)
  const [owner, version, known] = [read('application_id'), read('user_version'), MIGRATIONS.length]
  const finding = { check: 'format', detail: `${version} of ${known}` }
  if (owner !== APPLICATION_ID) return { ...finding, problem: 'this is not a fob database' }
  if (version > known) return { ...finding, problem: 'this was written by a newer fob' }
  if (version < known) {
    const problem = 'migrations are missing: the next start of the server applies them'
    return { ...finding, problem, outdated: true }
  }
  return finding
}

function integrity(sqlite: Database): Finding {
  const rows = sqlite
    .query('PRAGMA integrity_check(1)')
    .all()
    .map((row) => Object.values(row as object)[0])
  const finding = { check: 'integrity', detail: 'every page and index' }
  return rows[0] === 'ok' ? finding : { ...finding, problem: `the database is damaged: ${String(rows[0])}` }
}

function references(sqlite: Database): Finding {
  const broken = sqlite.query('PRAGMA foreign_key_check').get() as { table: string } | null
  const finding = { check: 'references', detail: 'every foreign key' }
  return broken === null ? finding : { ...finding, problem: `a row of ${broken.table} refers to nothing` }
}

/**
 * Triggers keep the audit log as it is, and tell who remembers credentials of those that have ended. All of them
 * have to be there as the migrations make them, and no others.
 */
function triggers(sqlite: Database): Finding {
  const finding = { check: 'triggers', detail: 'every one as fob makes it' }
  const expected = madeByMigrations()
  const found = triggersOf(sqlite)
  for (const [name, statement] of expected) {
    const other = found.get(name)
    if (other === undefined) return { ...finding, problem: `the trigger ${name} is missing` }
    if (other !== statement) return { ...finding, problem: `the trigger ${name} was changed` }
  }
  const foreign = [...found.keys()].find((name) => !expected.has(name))
  return foreign === undefined ? finding : { ...finding, problem: `the trigger ${foreign} is not fob's` }
}

function madeByMigrations(): ReadonlyMap<string, string> {
  const empty = new Database(':memory:')
  try {
    for (const migration of MIGRATIONS) empty.run(migration)
    return triggersOf(empty)
  } finally {
    empty.close()
  }
}

function triggersOf(sqlite: Database): ReadonlyMap<string, string> {
  const rows = sqlite.query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all()
  return new Map((rows as { name: string; sql: string }[]).map(({ name, sql }) => [name, sql]))
}

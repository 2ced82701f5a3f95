/** Opening a database: creation, migrations, foreign and newer files, and errors with path and cause. */
import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { is } from 'drizzle-orm'
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { Fault } from '../../../src/contract/fault.ts'
import { claimFolder } from '../../../src/server/db/data-folder-lock.ts'
import { prepareFile } from '../../../src/server/db/database-files.ts'
import { MIGRATIONS } from '../../../src/server/db/migrations.ts'
import { APPLICATION_ID, openDatabase } from '../../../src/server/db/open-database.ts'
import * as journal from '../../../src/server/db/run-journal-schema.ts'
import * as schema from '../../../src/server/db/schema.ts'
import { temporaryFolder } from '../../support/temporary.ts'

function file(): string {
  const path = join(temporaryFolder(), 'a-file')
  writeFileSync(path, 'x')
  return path
}

const freshPath = () => join(temporaryFolder(), 'data', 'fob.db')

describe('the database', () => {
  test('is made with its folder, for the owner alone', () => {
    const path = freshPath()
    openDatabase(path).close()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
  })

  test('opens again, and applies nothing twice', () => {
    const path = freshPath()
    openDatabase(path).close()
    openDatabase(path).close()
    const sqlite = new Database(path)
    expect(sqlite.query('PRAGMA user_version').get()).toEqual({ user_version: MIGRATIONS.length })
    expect(sqlite.query('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    sqlite.close()
  })

  test('enforces foreign keys', async () => {
    const { db, close } = openDatabase(':memory:')
    const row = { id: 'p', tenantId: 'nobody', name: 'n', filename: 'f.ts', source: '', driver: 'native' }
    const insert = async () =>
      db.insert(schema.pipelines).values({ ...row, paused: false, createdAt: 0, updatedAt: 0 })
    await expect(insert()).rejects.toThrow('FOREIGN KEY')
    close()
  })

  test.each([
    [1, '0c2d613a9dfe36b2126d4a1113729c9d875a704ed126b249a7111f6d08cd6792'],
    [2, '69a0ea7eec3fef349385f2fd44b353f31907b9886042e4213e799d069b21322a'],
    [3, 'a0f5579219df6318055ac31d895d60c6a45e19d076d96c68be88700569f545f8'],
    [4, 'd7f53446687664f1f42b669bce6bf695123b2f1a328aacf78887e8182a544288'],
    [5, 'ee630a61248dbec9f2fc1a3c63f40fa704fd632d40e0a9afcd853216a62792d0'],
  ])('format %d stays what it was: its migration is never edited', (format, sha256) => {
    expect(Bun.SHA256.hash(MIGRATIONS[format - 1] ?? '', 'hex')).toBe(sha256)
  })

  test('a pipeline of before is read with the word of now, and keeps the word of before', () => {
    const { db, close } = openDatabase(':memory:')
    db.$client.run("INSERT INTO tenants (id, slug, name, created_at) VALUES ('t', 'default', 'Default', 0)")
    db.$client.run(`INSERT INTO pipelines
      (id, tenant_id, name, filename, source, driver, paused, concurrency, created_at, updated_at)
      VALUES ('p', 't', 'deploy', 'p.ts', '', 'native', 0, '{"mode":"queue","max":2}', 0, 0)`)
    const read = () => db.select().from(schema.pipelines).get()?.concurrency
    const stored = () => db.$client.query('SELECT concurrency FROM pipelines').get()
    expect(read()).toEqual({ mode: 'parallel', max: 2 })
    db.update(schema.pipelines)
      .set({ concurrency: { mode: 'parallel', max: 3 } })
      .run()
    expect(stored()).toEqual({ concurrency: '{"mode":"queue","max":3}' })
    expect(read()).toEqual({ mode: 'parallel', max: 3 })
    db.update(schema.pipelines)
      .set({ concurrency: { mode: 'serial' } })
      .run()
    expect(read()).toEqual({ mode: 'serial' })
    close()
  })

  test('of an older format is brought up to date with all that is in it', () => {
    const path = freshPath()
    mkdirSync(join(path, '..'))
    const old = new Database(path, { create: true })
    old.run(MIGRATIONS[0] ?? '')
    old.run(`PRAGMA application_id = ${APPLICATION_ID}`)
    old.run('PRAGMA user_version = 1')
    old.run("INSERT INTO tenants (id, slug, name, created_at) VALUES ('t', 'default', 'Default', 0)")
    old.run(`INSERT INTO runs (id, tenant_id, pipeline_id, pipeline_name, status, triggered_by, args, created_at)
      VALUES ('r', 't', 'p', 'deploy', 'failed', 'ada', '[]', 0)`)
    old.close()
    const { db, close } = openDatabase(path)
    expect(db.select().from(schema.runs).get()).toMatchObject({ id: 'r', attempt: 1, timeoutMs: null })
    close()
    const sqlite = new Database(path)
    expect(sqlite.query('PRAGMA user_version').get()).toEqual({ user_version: MIGRATIONS.length })
    sqlite.close()
  })

  test('of an older format is told by its audit log who has set each pipeline as it stands', () => {
    const path = freshPath()
    mkdirSync(join(path, '..'))
    const old = new Database(path, { create: true })
    const before = MIGRATIONS.findIndex((sql) => sql.includes('set_by'))
    for (const sql of MIGRATIONS.slice(0, before)) old.run(sql)
    old.run(`PRAGMA application_id = ${APPLICATION_ID}`)
    old.run(`PRAGMA user_version = ${before}`)
    old.run("INSERT INTO tenants (id, slug, name, created_at) VALUES ('t', 'default', 'Default', 0)")
    const add = (name: string, updatedAt: number) =>
      old.run(
        `INSERT INTO pipelines (id, tenant_id, name, filename, source, driver, paused, created_at, updated_at)
         VALUES (?1, 't', ?1, 'p.ts', '', 'native', 0, 0, ?2)`,
        [name, updatedAt],
      )
    let seq = 0
    const record = (at: number, actor: string, action: string, target: string, outcome = 'ok') =>
      old.run(
        `INSERT INTO audit_entries (seq, at, tenant_id, actor, action, target, outcome, details, previous, hash)
         VALUES (?, ?, 't', ?, ?, ?, ?, '{}', '', ?)`,
        [++seq, at, actor, action, target, outcome, String(seq)],
      )
    add('deploy', 20)
    record(10, 'local:ada', 'pipeline.set', 'deploy')
    record(20, 'local:bob', 'pipeline.set', 'deploy')
    record(30, 'local:eve', 'pipeline.set', 'deploy', 'refused')
    record(30, 'local:eve', 'pipeline.pause', 'deploy')
    // Set while it was not recorded: nobody knows.
    add('older', 25)
    record(5, 'local:ada', 'pipeline.set', 'older')
    old.close()
    const { db, close } = openDatabase(path)
    const { name, setBy } = schema.pipelines
    expect(db.select({ name, setBy }).from(schema.pipelines).orderBy(name).all()).toEqual([
      { name: 'deploy', setBy: 'local:bob' },
      { name: 'older', setBy: null },
    ])
    close()
  })

  test('written by a newer fob is refused and left as it was', () => {
    const path = freshPath()
    openDatabase(path).close()
    const sqlite = new Database(path)
    sqlite.run('PRAGMA user_version = 9999')
    sqlite.close()
    const before = readFileSync(path)
    expect(() => openDatabase(path)).toThrow('newer fob (format 9999')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('of another program is refused and left as it was', () => {
    const path = join(temporaryFolder(), 'other.db')
    const sqlite = new Database(path)
    sqlite.run('CREATE TABLE theirs (a)')
    sqlite.close()
    const before = readFileSync(path)
    expect(() => openDatabase(path)).toThrow('belongs to another program')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('that is no database is refused', () => {
    const path = join(temporaryFolder(), 'text.db')
    writeFileSync(path, 'this is only text, and long enough to have a header of its own, which it has not')
    expect(() => openDatabase(path)).toThrow('is not a fob database')
  })

  test('a data folder belongs to one server at a time, and is free again after it', () => {
    const folder = temporaryFolder()
    const first = claimFolder(folder)
    expect(() => claimFolder(folder)).toThrow('another server is using')
    first.release()
    claimFolder(folder).release()
  })
})

test('a file is made for its owner alone from the first moment, whatever the umask; one that is there stays', () => {
  const path = freshPath()
  const umask = process.umask(0)
  try {
    prepareFile(path)
  } finally {
    process.umask(umask)
  }
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
  writeFileSync(path, 'kept')
  prepareFile(path)
  expect(readFileSync(path, 'utf8')).toBe('kept')
})

describe('what the system refuses is a fault with the path and the cause', () => {
  test.each<[string, () => string, RegExp]>([
    ['a folder that is a file', file, /a file stands in its place/],
    ['a folder in a file', () => join(file(), 'data'), /a part of its path is not a folder/],
    ['/proc/nope', () => '/proc/nope', /cannot be created there/],
    ['a file system that takes none', () => '/sys/kernel', /permission denied|read-only/],
  ])('%s', (_name, folderOf, cause) => {
    const folder = folderOf()
    for (const act of [() => claimFolder(folder), () => openDatabase(join(folder, 'fob.db'))]) {
      let error: unknown
      try {
        act()
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(Fault)
      const { code, message, hint } = error as Fault
      expect(code).toBe('config')
      expect(message).toContain(folder)
      expect(message).toMatch(cause)
      expect(hint).toContain('--data')
    }
  })

  test('folders in the place of the files', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'fob.db'))
    mkdirSync(join(folder, 'server.lock'))
    expect(() => openDatabase(join(folder, 'fob.db'))).toThrow('fob.db')
    expect(() => openDatabase(join(folder, 'fob.db'))).toThrow(Fault)
    expect(() => claimFolder(folder)).toThrow('server.lock')
    expect(() => claimFolder(folder)).toThrow(Fault)
  })

  test('a lock file that is none is not taken for another server', () => {
    const folder = temporaryFolder()
    writeFileSync(
      join(folder, 'server.lock'),
      'text, long enough to be taken for the header of a database. '.repeat(20),
    )
    expect(() => claimFolder(folder)).toThrow('server.lock')
    expect(() => claimFolder(folder)).not.toThrow('another server')
  })
})

describe('the migrations make what the schema says', () => {
  const { close } = openDatabase(':memory:')
  close()
  const sqlite = new Database(':memory:')
  for (const sql of MIGRATIONS) sqlite.run(sql)

  const tables = [...Object.values(schema), ...Object.values(journal)].filter((table) =>
    is(table, SQLiteTable),
  )

  test('the same tables', () => {
    const made = sqlite.query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
    expect(made).toEqual(
      tables
        .map((table) => ({ name: getTableConfig(table).name }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    )
  })

  test.each(tables.map((table) => getTableConfig(table)))(
    '$name has the same columns and indexes',
    (config) => {
      const made = sqlite.query(`PRAGMA table_info(${config.name})`).all() as {
        name: string
        type: string
        notnull: number
      }[]
      expect(
        made.map(({ name, type, notnull }) => ({ name, type: type.toLowerCase(), notNull: notnull === 1 })),
      ).toEqual(
        config.columns.map((column) => ({
          name: column.name,
          type: column.getSQLType(),
          notNull: column.notNull,
        })),
      )
      const indexes = sqlite
        .query(
          `SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL ORDER BY name`,
        )
        .all(config.name)
      expect(indexes).toEqual(
        config.indexes
          .map((index) => ({ name: index.config.name }))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      )
    },
  )
})

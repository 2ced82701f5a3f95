/** Backups of a server's data: while it is written to, damaged files, data that is there, and files of other programs. */
import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Fault } from '../../../src/contract/fault.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { backUp, restore } from '../../../src/server/administration/back-up-and-restore.ts'
import { administer, checkData } from '../../../src/server/administration/open-data-folder.ts'
import { claimFolder } from '../../../src/server/db/data-folder-lock.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const NOW = Date.UTC(2026, 10, 30, 12)
const places = (dataDir: string, secretsPath?: string) => ({ dataDir, secretsPath })

const faultOf = (work: Promise<unknown>): Promise<Fault | undefined> =>
  work.then(
    () => undefined,
    (error) => error as Fault,
  )

/** A data folder with some tenants. */
async function dataWith(...slugs: string[]): Promise<string> {
  const dataDir = join(temporaryFolder(), 'data')
  await addTenants(dataDir, slugs)
  return dataDir
}

const addTenants = (dataDir: string, slugs: string[]) =>
  administer({ dataDir, clock: systemClock, create: true }, async ({ tenants, audit }) => {
    for (const slug of slugs) {
      const { id } = await tenants.add({ slug })
      audit.record({ tenantId: id, actor: 'console', action: 'tenant.add', target: slug })
    }
  })

const tenantsOf = (dataDir: string) =>
  administer({ dataDir, clock: systemClock }, async ({ tenants }) =>
    (await tenants.list()).map(({ slug }) => slug).filter((slug) => slug !== 'default'),
  )

describe('a backup', () => {
  test('is one file for its owner alone, and restored it is the data of its moment', async () => {
    const dataDir = await dataWith('acme')
    const file = join(temporaryFolder(), 'backup.db')
    const [copy] = await backUp(places(dataDir), file, { replace: false })
    expect(copy).toMatchObject({ what: 'data', to: file, bytes: statSync(file).size })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await addTenants(dataDir, ['later'])
    chmodSync(file, 0o644)
    const elsewhere = join(temporaryFolder(), 'restored')
    await restore(file, places(elsewhere), { replace: false, now: NOW })
    expect(statSync(join(elsewhere, 'fob.db')).mode & 0o777).toBe(0o600)
    expect(await tenantsOf(elsewhere)).toEqual(['acme'])
    expect((await checkData(elsewhere)).filter(({ problem }) => problem)).toEqual([])
    expect(readdirSync(elsewhere).filter((name) => name.includes('part'))).toEqual([])
  })

  test('holds what a running server has only in its write-ahead log, which a plain copy leaves out', async () => {
    const dataDir = await dataWith('acme')
    const running = openDatabase(join(dataDir, 'fob.db'))
    running.db.$client.run('PRAGMA wal_autocheckpoint = 0')
    running.db.$client.run(
      "INSERT INTO tenants (id, slug, name, created_at) VALUES ('t2', 'fresh', 'Fresh', 0)",
    )
    const file = join(temporaryFolder(), 'backup.db')
    await backUp(places(dataDir), file, { replace: false })
    running.close()
    const restored = join(temporaryFolder(), 'restored')
    await restore(file, places(restored), { replace: false, now: NOW })
    expect(await tenantsOf(restored)).toEqual(expect.arrayContaining(['acme', 'fresh']))
  })

  test('is whole, however fast the data is written meanwhile', async () => {
    const dataDir = await dataWith()
    const running = openDatabase(join(dataDir, 'fob.db'))
    const insert = running.db.$client.query(
      'INSERT INTO tenants (id, slug, name, created_at) VALUES (?, ?, ?, 0)',
    )
    let written = 0
    // Two rows in one transaction: a backup never holds one without the other.
    const pair = running.db.$client.transaction(() => {
      for (const half of ['a', 'b']) insert.run(`${half}${written}`, `${half}${written}`, 'x')
      written += 1
    })
    const writing = setInterval(pair, 1)
    const folder = temporaryFolder()
    for (let i = 0; i < 5; i++) {
      const before = written
      const file = join(folder, `${i}.db`)
      await Promise.all([backUp(places(dataDir), file, { replace: false }), Bun.sleep(10)])
      const copy = new Database(file, { readonly: true })
      const { a, b } = copy
        .query(
          "SELECT sum(id LIKE 'a%') AS a, sum(id LIKE 'b%') AS b FROM tenants WHERE id GLOB '[ab][0-9]*'",
        )
        .get() as { a: number; b: number }
      copy.close()
      expect(a ?? 0).toBe(b ?? 0)
      expect(a ?? 0).toBeGreaterThanOrEqual(before)
    }
    clearInterval(writing)
    running.close()
    expect(written).toBeGreaterThan(0)
  })

  test('takes the secrets along where they have a database of their own', async () => {
    const dataDir = await dataWith('acme')
    const secretsPath = join(temporaryFolder(), 'secrets.db')
    openDatabase(secretsPath).close()
    const file = join(temporaryFolder(), 'backup.db')
    const copies = await backUp(places(dataDir, secretsPath), file, { replace: false })
    expect(copies.map(({ what, to }) => [what, to])).toEqual([
      ['data', file],
      ['secrets', `${file}-secrets`],
    ])
    const restored = { dataDir: join(temporaryFolder(), 'r'), secretsPath: join(temporaryFolder(), 's.db') }
    await restore(file, restored, { replace: false, now: NOW })
    expect(existsSync(restored.secretsPath)).toBe(true)
  })

  test('replaces another file only when it was asked to', async () => {
    const dataDir = await dataWith('acme')
    const file = join(temporaryFolder(), 'backup.db')
    writeFileSync(file, 'mine')
    const fault = await faultOf(backUp(places(dataDir), file, { replace: false }))
    expect(fault).toMatchObject({ code: 'conflict', message: `${file} is there already` })
    expect(readFileSync(file, 'utf8')).toBe('mine')
    await backUp(places(dataDir), file, { replace: true })
    expect(readFileSync(file).subarray(0, 6).toString()).toBe('SQLite')
  })

  test.each<[string, (dataDir: string) => void, string]>([
    [
      'is cut',
      (dir) => {
        const db = new Database(join(dir, 'fob.db'))
        db.run('PRAGMA wal_checkpoint(TRUNCATE)')
        db.close()
        truncateSync(join(dir, 'fob.db'), 40_000)
      },
      'is damaged',
    ],
    [
      'has an audit entry that was changed',
      (dir) => {
        const db = new Database(join(dir, 'fob.db'))
        const triggers = db
          .query<{ name: string; sql: string }, []>(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit_entries'",
          )
          .all()
        for (const { name } of triggers) db.run(`DROP TRIGGER ${name}`)
        db.run("UPDATE audit_entries SET target = 'other' WHERE seq = 1")
        for (const { sql } of triggers) db.run(sql)
        db.close()
      },
      'audit entry 1',
    ],
  ])('of data that %s is refused, and leaves the last backup alone', async (_what, damage, says) => {
    const dataDir = await dataWith('acme', 'beta')
    const file = join(temporaryFolder(), 'backup.db')
    await backUp(places(dataDir), file, { replace: false })
    const good = readFileSync(file)
    damage(dataDir)
    const fault = await faultOf(backUp(places(dataDir), file, { replace: true }))
    expect(fault).toMatchObject({ code: 'failed', message: expect.stringContaining(says) })
    expect(readFileSync(file).equals(good)).toBe(true)
    expect(readdirSync(join(file, '..'))).toEqual(['backup.db'])
  })

  test('needs data, and a folder to write to', async () => {
    const noData = backUp(places(temporaryFolder()), join(temporaryFolder(), 'b.db'), { replace: false })
    expect(await faultOf(noData)).toMatchObject({ code: 'not_found' })
    const nowhere = backUp(places(await dataWith()), '/proc/nothing/backup.db', { replace: false })
    expect(await faultOf(nowhere)).toMatchObject({ code: 'config' })
  })
})

async function backupOf(...slugs: string[]): Promise<string> {
  const file = join(temporaryFolder(), 'backup.db')
  await backUp(places(await dataWith(...slugs)), file, { replace: false })
  return file
}

describe('a restore', () => {
  test('never touches data that is there, until asked; then moves it aside with all its files', async () => {
    const file = await backupOf('acme')
    const dataDir = await dataWith('mine')
    expect(await faultOf(restore(file, places(dataDir), { replace: false, now: NOW }))).toMatchObject({
      code: 'conflict',
    })
    expect(await tenantsOf(dataDir)).toEqual(['mine'])
    // A log of the earlier database beside the restored one would be taken for its own.
    writeFileSync(join(dataDir, 'fob.db-wal'), 'x')
    const { aside } = await restore(file, places(dataDir), { replace: true, now: NOW })
    expect(aside).toEqual([join(dataDir, 'fob.db.before-restore-20261130T120000Z')])
    expect(existsSync(`${aside[0]}-wal`)).toBe(true)
    expect(await tenantsOf(dataDir)).toEqual(['acme'])
  })

  test('is refused while a server runs on the data', async () => {
    const file = await backupOf('acme')
    const dataDir = await dataWith('mine')
    const server = claimFolder(dataDir)
    const fault = await faultOf(restore(file, places(dataDir), { replace: true, now: NOW }))
    expect(fault).toMatchObject({ code: 'config', message: `another server is using ${dataDir}` })
    server.release()
    expect(await tenantsOf(dataDir)).toEqual(['mine'])
  })

  test.each<[string, (file: string) => void, string]>([
    ['is cut', (file) => truncateSync(file, 40_000), 'damaged'],
    ['is empty', (file) => truncateSync(file, 0), 'not a fob database'],
    ['is text', (file) => writeFileSync(file, 'hello\n'.repeat(2000)), 'damaged'],
    [
      'is of another program',
      (file) => {
        truncateSync(file, 0)
        const other = new Database(file)
        other.run('CREATE TABLE mine (x)')
        other.close()
      },
      'not a fob database',
    ],
  ])('of a file that %s changes nothing', async (_what, damage, says) => {
    const file = await backupOf('acme')
    damage(file)
    const dataDir = await dataWith('mine')
    const fault = await faultOf(restore(file, places(dataDir), { replace: true, now: NOW }))
    expect(fault).toMatchObject({ code: 'failed', message: expect.stringContaining(says) })
    expect(await tenantsOf(dataDir)).toEqual(['mine'])
    expect(readdirSync(dataDir).filter((name) => name.includes('before-restore'))).toEqual([])
  })

  test('says which file is missing', async () => {
    const fault = await faultOf(restore('/nowhere/b.db', places('/tmp/x'), { replace: false, now: NOW }))
    expect(fault).toMatchObject({ code: 'not_found', message: 'there is no backup /nowhere/b.db' })
  })
})

test('an empty file in the place of the database is refused, and says how to go on', async () => {
  const dataDir = temporaryFolder()
  const path = join(dataDir, 'fob.db')
  writeFileSync(path, '')
  expect(() => openDatabase(path)).toThrow(`${path} is there, but it is empty`)
})

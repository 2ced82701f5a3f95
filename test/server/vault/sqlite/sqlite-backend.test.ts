/** Secrets in SQLite: no plaintext, tamper detection, passphrases, and data of older formats. */
import { Database } from 'bun:sqlite'
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'bun:test'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { systemClock } from '../../../../src/platform/clock.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { type OpenDatabase, openDatabase } from '../../../../src/server/db/open-database.ts'
import { secrets, vaultHeaders } from '../../../../src/server/db/schema.ts'
import type { Unlock } from '../../../../src/server/vault/backend-interface.ts'
import { keyIdOf, leavePlain } from '../../../../src/server/vault/cipher.ts'
import { adoptOldDatabase } from '../../../../src/server/vault/adopt-legacy-database.ts'
import { rotateLock } from '../../../../src/server/vault/rewrap-data-keys.ts'
import { sqliteBackend } from '../../../../src/server/vault/sqlite/sqlite-backend.ts'
import type { Vault } from '../../../../src/server/vault/vault-interface.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { vaultContract } from '../contract.ts'
import {
  PASSPHRASE,
  place,
  reEncryptAll,
  vaultOn,
  withKey,
  withPassphrase,
  withPassphraseAtRealCost,
} from '../vault-harness.ts'

const KEY = place('KEY')

/** Does not close the database with the vault: the tests look at it afterwards. */
const backendOn = ({ db }: OpenDatabase) => sqliteBackend({ db, close: () => {} }, 'the test', systemClock)
const openOn = (database: OpenDatabase, unlock: Unlock | undefined = withKey()): Promise<Vault> =>
  vaultOn(backendOn(database), { unlock })

/** The file with all that was written to it: SQLite moves its journal there when it likes. */
function settled(path: string): Buffer {
  const sqlite = new Database(path)
  sqlite.run('PRAGMA wal_checkpoint(TRUNCATE)')
  sqlite.close()
  return readFileSync(path)
}

vaultContract('SQLite', async () => {
  const path = join(temporaryFolder(), 'vault.db')
  const again = async () => backendOn(openDatabase(path))
  return { backend: await again(), again }
})

describe('secrets at rest', () => {
  test('S53: the file holds no plaintext and no passphrase, nor does its journal', async () => {
    const folder = temporaryFolder()
    const opened = openDatabase(join(folder, 'fob.db'))
    const vault = await openOn(opened, withPassphrase('canary-passphrase'))
    await vault.set(KEY, new Secret('canary-7f3a9c-value'))
    for (const name of ['fob.db', 'fob.db-wal']) {
      const file = readFileSync(join(folder, name))
      for (const canary of ['canary-7f3a9c', 'canary-passphrase']) {
        expect(file.includes(canary)).toBe(false)
        expect(file.includes(Buffer.from(canary).toString('base64').slice(0, 12))).toBe(false)
      }
    }
    opened.close()
  })

  test('S55: a wrong passphrase changes not a byte of the file', async () => {
    const path = join(temporaryFolder(), 'fob.db')
    const first = openDatabase(path)
    await (await openOn(first, withPassphraseAtRealCost())).set(KEY, new Secret('value'))
    first.close()
    const before = settled(path)
    const second = openDatabase(path)
    await expect(openOn(second, withPassphrase('wrong'))).rejects.toThrow('wrong passphrase')
    second.close()
    expect(settled(path).equals(before)).toBe(true)
  })

  test('S56, R4: the header names the slow KDF, its parameters and salt, and two differ in salt', async () => {
    const headers = await Promise.all(
      [1, 2].map(async () => {
        const opened = openDatabase(':memory:')
        await openOn(opened, withPassphraseAtRealCost())
        const [row] = await opened.db.select().from(vaultHeaders)
        return JSON.parse(row?.header ?? '') as { lock: { name: string; N: number; salt: string } }
      }),
    )
    expect(headers[0]).toMatchObject({ version: 1, lock: { name: 'scrypt', N: 2 ** 17, r: 8, p: 1 } })
    expect(headers[0]?.lock.salt).not.toBe(headers[1]?.lock.salt as string)
  })

  test('a ciphertext says its version and its key', async () => {
    const opened = openDatabase(':memory:')
    const vault = await openOn(opened)
    await vault.set(KEY, new Secret('value'))
    const [row] = await opened.db.select().from(secrets)
    const [header] = await opened.db.select().from(vaultHeaders)
    expect(row?.ciphertext[0]).toBe(1)
    expect(row?.ciphertext).toHaveLength(1 + 8 + 12 + 16 + 'value'.length)
    expect(header?.header).toContain(`"id":"${keyIdOf(row?.ciphertext ?? Buffer.alloc(0))}"`)
  })

  test('R4: a ciphertext that was moved to another key, scope or tenant does not open', async () => {
    const opened = openDatabase(':memory:')
    const vault = await openOn(opened)
    await vault.set(KEY, new Secret('value'))
    const [row] = await opened.db.select().from(secrets)
    if (row === undefined) throw new Error('no row')
    const moves = [{ key: 'OTHER' }, { scope: 'pipeline/x' as const }, { tenantId: 'ten_2' }]
    for (const move of moves) {
      await opened.db.insert(secrets).values({ ...row, ...move })
      await expect(vault.get({ ...KEY, ...move })).rejects.toThrow('does not open')
    }
  })

  test('a flipped bit anywhere does not open, and the message holds no value', async () => {
    const opened = openDatabase(':memory:')
    const vault = await openOn(opened)
    await vault.set(KEY, new Secret('value'))
    const [row] = await opened.db.select().from(secrets)
    const good = row?.ciphertext ?? Buffer.alloc(0)
    for (let i = 0; i < good.length; i++) {
      const bad = Buffer.from(good)
      bad[i] = (bad[i] ?? 0) ^ 1
      await opened.db.update(secrets).set({ ciphertext: bad }).where(eq(secrets.key, 'KEY'))
      await expect(vault.get(KEY)).rejects.toThrow('does not open')
    }
  })

  test('a value in the clear that somebody put there does not open', async () => {
    const opened = openDatabase(':memory:')
    const vault = await openOn(opened)
    await backendOn(opened).write(KEY, { sealed: leavePlain(Buffer.from('forged')), updatedAt: 0 })
    await expect(vault.get(KEY)).rejects.toThrow('stored without a passphrase')
  })

  test('S74: without a passphrase names can be listed and nothing stored or read', async () => {
    const opened = openDatabase(':memory:')
    await (await openOn(opened)).set(KEY, new Secret('value'))
    const vault = await vaultOn(backendOn(opened), { unlock: undefined })
    expect(await vault.list('ten_1')).toHaveLength(1)
    await expect(vault.set(KEY, new Secret('x'))).rejects.toThrow('without a passphrase')
    await expect(vault.get(KEY)).rejects.toThrow('without a passphrase')
    await expect(vault.reEncrypt()).rejects.toThrow('without a passphrase')
  })

  test('a vault that was locked once is not written to in the clear, even where the store encrypts', async () => {
    const opened = openDatabase(':memory:')
    await openOn(opened)
    const vault = await vaultOn(backendOn(opened), { unlock: undefined, storeEncrypts: true })
    await expect(vault.set(KEY, new Secret('x'))).rejects.toThrow('without a passphrase')
  })

  test('a key file opens what it locked, and no other one does', async () => {
    const opened = openDatabase(':memory:')
    await (await openOn(opened, withKey(1))).set(KEY, new Secret('value'))
    expect((await (await openOn(opened, withKey(1))).get(KEY))?.reveal()).toBe('value')
    await expect(openOn(opened, withKey(2))).rejects.toThrow('wrong key file')
    await expect(openOn(opened, withPassphrase())).rejects.toThrow('locked with a key file')
  })

  test('a header of an unknown form, or with parameters that would eat the memory, is refused', async () => {
    const lock = { name: 'scrypt', N: 2 ** 30, r: 8, p: 1, salt: '' }
    for (const header of [
      '{"version":2}',
      'nonsense',
      JSON.stringify({ version: 1, lock, canary: '', keys: [{ id: '0'.repeat(16), wrapped: '' }] }),
    ]) {
      const opened = openDatabase(':memory:')
      await opened.db.insert(vaultHeaders).values({ id: 1, header, createdAt: 0 })
      await expect(openOn(opened, withPassphrase())).rejects.toThrow('of a form that this fob does not know')
    }
  })

  test('secrets whose header is gone are not locked away for good by a new one', async () => {
    const opened = openDatabase(':memory:')
    await (await openOn(opened)).set(KEY, new Secret('value'))
    await opened.db.delete(vaultHeaders)
    await expect(openOn(opened)).rejects.toThrow('their header is gone')
    expect(await opened.db.select().from(vaultHeaders)).toEqual([])
  })
})

/**
 * AES-256-GCM under SHA-256 of the passphrase: nonce, ciphertext, tag. Written here from the ruling, not with our
 * code. `first` is what the nonce begins with.
 */
function oldForm(passphrase: string, value: string, first = 0x7f): Buffer {
  const nonce = randomBytes(12)
  nonce[0] = first
  const cipher = createCipheriv('aes-256-gcm', createHash('sha256').update(passphrase).digest(), nonce)
  return Buffer.concat([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()])
}

async function oldRows(values: Record<string, string>, first?: number): Promise<OpenDatabase> {
  const opened = openDatabase(':memory:')
  for (const [key, value] of Object.entries(values)) {
    const row = { ...place(key), ciphertext: oldForm(PASSPHRASE, value, first), createdAt: 1, updatedAt: 1 }
    await opened.db.insert(secrets).values(row)
  }
  return opened
}
const isNew = async (opened: OpenDatabase, key: string) => {
  const [row] = await opened.db.select().from(secrets).where(eq(secrets.key, key))
  return keyIdOf(row?.ciphertext ?? Buffer.alloc(0)) !== undefined
}

describe('R4: data of the plain SHA-256 form', () => {
  test('is read, and rewritten on the next write', async () => {
    const opened = await oldRows({ A: 'value a', B: 'value b' })
    const vault = await openOn(opened, withPassphrase())
    expect((await vault.get(place('A')))?.reveal()).toBe('value a')
    expect(await isNew(opened, 'A')).toBe(false)
    await vault.set(place('A'), new Secret('value a'))
    expect([await isNew(opened, 'A'), await isNew(opened, 'B')]).toEqual([true, false])
    expect((await vault.get(place('A')))?.reveal()).toBe('value a')
  })

  test('a wrong passphrase is refused, and nothing is written', async () => {
    const opened = await oldRows({ A: 'value a' })
    await expect(openOn(opened, withPassphrase('wrong'))).rejects.toThrow('wrong passphrase')
    expect(await opened.db.select().from(vaultHeaders)).toEqual([])
  })

  test.each([
    ['the mark of a value in the clear', 0],
    ['the version of the new form', 1],
  ])('whose nonce begins like %s is read, and a wrong passphrase refused', async (_, first) => {
    const opened = await oldRows({ A: 'value a' }, first)
    const error = await openOn(opened, withPassphrase('wrong')).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'config', hint: expect.stringContaining('nothing was changed') })
    expect(await opened.db.select().from(vaultHeaders)).toEqual([])
    const vault = await openOn(opened, withPassphrase())
    expect((await vault.get(place('A')))?.reveal()).toBe('value a')
  })

  test('a wrong passphrase is told from a lost header by the other records', async () => {
    const opened = await oldRows({ B: 'value b' })
    const row = { ...place('A'), ciphertext: oldForm(PASSPHRASE, 'value a', 1), createdAt: 1, updatedAt: 1 }
    await opened.db.insert(secrets).values(row)
    await expect(openOn(opened, withPassphrase('wrong'))).rejects.toThrow('wrong passphrase')
  })

  test('is still read after the passphrase was rotated, and no more after all was moved', async () => {
    const opened = await oldRows({ A: 'value a', B: 'value b' })
    const [stolen] = await opened.db.select().from(secrets).where(eq(secrets.key, 'A'))
    if (stolen === undefined) throw new Error('no row')
    await openOn(opened, withPassphrase())
    await rotateLock(backendOn(opened), withPassphrase(), withKey())
    const vault = await openOn(opened, withKey())
    expect((await vault.get(place('B')))?.reveal()).toBe('value b')
    expect(await reEncryptAll(vault)).toMatchObject({ done: 2, failed: [] })
    expect([await isNew(opened, 'A'), await isNew(opened, 'B')]).toEqual([true, true])
    expect((await vault.get(place('A')))?.reveal()).toBe('value a')
    // The weak key opens nothing any more: an old row that is put back is not believed.
    await backendOn(opened).write(place('A'), { sealed: stolen.ciphertext, updatedAt: 0 })
    await expect((await openOn(opened, withKey())).get(place('A'))).rejects.toThrow('does not open')
  })

  test('is not believed where it never was', async () => {
    const opened = openDatabase(':memory:')
    const vault = await openOn(opened, withPassphrase())
    await backendOn(opened).write(KEY, { sealed: oldForm(PASSPHRASE, 'forged'), updatedAt: 0 })
    await expect(vault.get(KEY)).rejects.toThrow('does not open')
  })
})

function oldFile(options: { kdf?: boolean; other?: boolean } = {}): string {
  const path = join(temporaryFolder(), 'secrets.db')
  const sqlite = new Database(path)
  sqlite.run(`CREATE TABLE secrets (scope TEXT NOT NULL, key TEXT NOT NULL, encrypted_value BLOB NOT NULL,
    version INTEGER NOT NULL DEFAULT 1, updated_at INTEGER NOT NULL DEFAULT 1700000000,
    PRIMARY KEY (scope, key)) STRICT`)
  sqlite.run(`CREATE TRIGGER secrets_version_update AFTER UPDATE ON secrets BEGIN
    UPDATE secrets SET version = OLD.version + 1 WHERE scope = NEW.scope AND key = NEW.key; END`)
  if (options.kdf) sqlite.run('CREATE TABLE kdf_params (id INTEGER PRIMARY KEY, salt BLOB)')
  if (options.kdf) sqlite.run(`INSERT INTO kdf_params VALUES (1, x'00')`)
  if (options.other) sqlite.run('CREATE TABLE tasks (id INTEGER)')
  const insert = sqlite.query('INSERT INTO secrets (scope, key, encrypted_value) VALUES (?, ?, ?)')
  insert.run('global', 'TOKEN', oldForm(PASSPHRASE, 'of all'))
  insert.run('pipeline/abc', 'TOKEN', oldForm(PASSPHRASE, 'of one'))
  sqlite.close()
  return path
}
const adopt = (path: string, passphrase = PASSPHRASE) =>
  adoptOldDatabase(path, { unlock: withPassphrase(passphrase), tenantId: 'ten_1', now: 5 })

describe('R4: a database file of the older program', () => {
  test('becomes one of ours, and its secrets are read', async () => {
    const path = oldFile()
    adopt(path)
    adopt(path)
    const opened = openDatabase(path)
    const vault = await openOn(opened, withPassphrase())
    expect((await vault.get(place('TOKEN')))?.reveal()).toBe('of all')
    expect((await vault.get(place('TOKEN', 'pipeline/abc')))?.reveal()).toBe('of one')
    expect((await vault.list('ten_1'))[0]?.updatedAt).toBe(1_700_000_000_000)
    await vault.set(place('TOKEN'), new Secret('rewritten'))
    expect((await vault.get(place('TOKEN')))?.reveal()).toBe('rewritten')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    opened.close()
  })

  test('a wrong passphrase changes not a byte', () => {
    const path = oldFile()
    const before = readFileSync(path)
    expect(() => adopt(path, 'wrong')).toThrow('does not open the secrets of an older program')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test.each([
    ['its later form', { kdf: true }],
    ['one with other tables', { other: true }],
  ])('%s is left alone and refused', (_name, options) => {
    const path = oldFile(options)
    const before = readFileSync(path)
    adopt(path)
    expect(() => openDatabase(path)).toThrow('belongs to another program')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('what is no database, or not there, is left to the opening', () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'text'), 'no database')
    adopt(join(folder, 'text'))
    adopt(join(folder, 'nothing'))
    expect(() => openDatabase(join(folder, 'text'))).toThrow('is not a fob database')
  })
})

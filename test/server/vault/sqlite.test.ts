import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { type OpenDatabase, openDatabase } from '../../../src/server/db/open.ts'
import { secrets, tenants, vaultHeaders } from '../../../src/server/db/schema.ts'
import { openSqliteVault } from '../../../src/server/vault/sqlite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { vaultContract } from './contract.ts'

async function database(path = ':memory:'): Promise<OpenDatabase> {
  const opened = openDatabase(path)
  const rows = ['ten_1', 'ten_2'].map((id) => ({ id, slug: id, name: id, createdAt: 0 }))
  await opened.db.insert(tenants).values(rows).onConflictDoNothing()
  return opened
}

const vaultOn = ({ db }: OpenDatabase, passphrase: string | undefined = 'correct horse') =>
  openSqliteVault({ db, clock: systemClock, passphrase: new Secret(passphrase) })

const KEY = { tenantId: 'ten_1', scope: 'global', key: 'KEY' } as const

vaultContract('SQLite', async () => vaultOn(await database()))

describe('secrets at rest', () => {
  test('S53: the file holds no plaintext, not in its journal either', async () => {
    const folder = temporaryFolder()
    const opened = await database(join(folder, 'fob.db'))
    const vault = await vaultOn(opened)
    await vault.set(KEY, new Secret('canary-7f3a9c-value'))
    const bytes = ['fob.db', 'fob.db-wal'].map((name) => readFileSync(join(folder, name)))
    for (const file of bytes) expect(file.includes('canary-7f3a9c')).toBe(false)
    opened.close()
  })

  test('S55: another passphrase is refused by the canary, and nothing is written', async () => {
    const path = join(temporaryFolder(), 'fob.db')
    const first = await database(path)
    await (await vaultOn(first)).set(KEY, new Secret('value'))
    first.close()
    const before = readFileSync(path)
    const second = openDatabase(path)
    await expect(vaultOn(second, 'wrong')).rejects.toThrow('wrong passphrase')
    second.close()
    expect(readFileSync(path).equals(before)).toBe(true)
    const third = openDatabase(path)
    expect((await (await vaultOn(third)).get(KEY))?.reveal()).toBe('value')
    third.close()
  })

  test('R4: the header names the slow KDF, its parameters and salt, and two databases differ in salt', async () => {
    const headers = await Promise.all(
      [1, 2].map(async () => {
        const opened = await database()
        await vaultOn(opened)
        const [row] = await opened.db.select().from(vaultHeaders)
        return JSON.parse(row?.header ?? '') as { kdf: { name: string; N: number; salt: string } }
      }),
    )
    expect(headers[0]).toMatchObject({ version: 1, kdf: { name: 'scrypt', N: 2 ** 17 } })
    expect(headers[0]?.kdf.salt).not.toBe(headers[1]?.kdf.salt as string)
  })

  test('R4: a ciphertext that was moved to another key, scope or tenant does not open', async () => {
    const opened = await database()
    const vault = await vaultOn(opened)
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
    const opened = await database()
    const vault = await vaultOn(opened)
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

  test('without a passphrase names can be listed and nothing stored or read', async () => {
    const opened = await database()
    await (await vaultOn(opened)).set(KEY, new Secret('value'))
    const vault = await openSqliteVault({ db: opened.db, clock: systemClock, passphrase: undefined })
    expect(await vault.list('ten_1')).toHaveLength(1)
    await expect(vault.set(KEY, new Secret('x'))).rejects.toThrow('without a passphrase')
    await expect(vault.get(KEY)).rejects.toThrow('without a passphrase')
  })

  test('a header of an unknown form, or with parameters that would eat the memory, is refused', async () => {
    for (const header of [
      '{"version":2}',
      'nonsense',
      JSON.stringify({ version: 1, kdf: { name: 'scrypt', N: 2 ** 30, r: 8, p: 1, salt: '' }, canary: '' }),
    ]) {
      const opened = await database()
      await opened.db.insert(vaultHeaders).values({ id: 1, header, createdAt: 0 })
      await expect(vaultOn(opened)).rejects.toThrow('of a form that this fob does not know')
    }
  })
})

/** The contract of vaults: tests that every secret store must pass. */
import { describe, expect, test } from 'bun:test'
import { Secret } from '../../../src/redact/secret.ts'
import type { Backend } from '../../../src/server/vault/backend-interface.ts'
import { currentKey, openHeader } from '../../../src/server/vault/vault-header.ts'
import { keyIdOf } from '../../../src/server/vault/cipher.ts'
import { rotateLock } from '../../../src/server/vault/rewrap-data-keys.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { interrupted, place, reEncryptAll, vaultOn, withKey, withPassphrase } from './vault-harness.ts'

/** A store and how to reach the same one again, as another server would. */
export interface OpenBackend {
  backend: Backend
  again(): Promise<Backend>
}

type Test = (title: string, run: () => Promise<void>, timeoutMs?: number) => void

/** What a vault on every backend has to do. `testOf` is `test`, or one that skips where a part is missing. */
export function vaultContract(name: string, open: () => Promise<OpenBackend>, testOf: Test = test): void {
  const vault = async () => vaultOn((await open()).backend)

  describe(`S54, S99: ${name} is a vault`, () => {
    testOf('S65, S68: what is set can be read by its place and nowhere else', async () => {
      const { set, get } = await vault()
      await set(place('KEY', 'pipeline/a'), new Secret('väl\nue'))
      expect((await get(place('KEY', 'pipeline/a')))?.reveal()).toBe('väl\nue')
      expect(await get(place('KEY'))).toBeUndefined()
      expect(await get(place('KEY', 'pipeline/b'))).toBeUndefined()
      expect(await get(place('KEY', 'server'))).toBeUndefined()
      expect(await get({ ...place('KEY', 'pipeline/a'), tenantId: 'ten_2' })).toBeUndefined()
    })

    testOf("the server's own secrets are every tenant's", async () => {
      const { set, get, list } = await vault()
      await set({ tenantId: '', scope: 'server', key: 'KEY' }, new Secret('shared'))
      expect((await get({ ...place('KEY', 'server'), tenantId: 'ten_1' }))?.reveal()).toBe('shared')
      expect((await get({ ...place('KEY', 'server'), tenantId: 'ten_2' }))?.reveal()).toBe('shared')
      expect((await list('ten_2', 'server')).map(({ key }) => key)).toEqual(['KEY'])
      expect(await list('ten_1')).toEqual([])
    })

    testOf('any bytes come back as they were, up to 256 KiB', async () => {
      const { set, get } = await vault()
      const all = Buffer.from(Array.from({ length: 256 * 1024 }, (_, i) => (i * 7) % 256))
      for (const bytes of [Buffer.of(0, 255, 0xc3, 0x28), Buffer.from('\uFEFFtext\0\r\n'), all]) {
        await set(place('KEY'), new Secret(bytes))
        expect((await get(place('KEY')))?.bytes().equals(bytes)).toBe(true)
      }
    })

    testOf('setting again replaces', async () => {
      const { set, get, list } = await vault()
      await set(place('KEY'), new Secret('one'))
      await set(place('KEY'), new Secret('two'))
      expect((await get(place('KEY')))?.reveal()).toBe('two')
      expect(await list('ten_1')).toHaveLength(1)
    })

    testOf('a list has names and times, sorted, of one tenant, and no value', async () => {
      const { backend } = await open()
      const clock = manualClock()
      const vault = await vaultOn(backend, { clock })
      const set = new Map<string, number>()
      for (const [key, scope] of [
        ['B', 'global'],
        ['A', 'global'],
        ['C', 'pipeline/a'],
      ] as const) {
        await vault.set(place(key, scope), new Secret('canary-value'))
        set.set(key, clock.now())
        await clock.advance(1000)
      }
      await vault.set({ ...place('OTHER'), tenantId: 'ten_2' }, new Secret('canary-value'))
      const all = await vault.list('ten_1')
      expect(all.map(({ scope, key }) => `${scope}/${key}`)).toEqual(['global/A', 'global/B', 'pipeline/a/C'])
      expect(all.map(({ key, updatedAt }) => [key, updatedAt])).toEqual(
        ['A', 'B', 'C'].map((key) => [key, set.get(key) ?? 0]),
      )
      expect((await vault.list('ten_1', 'pipeline/a')).map(({ key }) => key)).toEqual(['C'])
      expect(JSON.stringify(all)).not.toContain('canary')
    })

    testOf('a list says which run was last given the value', async () => {
      const { set, touch, list, remove } = await vault()
      await set(place('KEY'), new Secret('value'))
      expect((await list('ten_1')).map(({ lastUsed }) => lastUsed)).toEqual([undefined])
      await touch(place('KEY'), 'run_1')
      await touch(place('KEY'), 'run_2')
      expect((await list('ten_1')).map(({ lastUsed }) => lastUsed?.runId)).toEqual(['run_2'])
      await remove(place('KEY'))
      await set(place('KEY'), new Secret('another'))
      expect((await list('ten_1')).map(({ lastUsed }) => lastUsed)).toEqual([undefined])
    })

    testOf('removing says whether there was one', async () => {
      const { set, get, remove } = await vault()
      await set(place('KEY'), new Secret('v'))
      expect(await remove(place('KEY'))).toBe(true)
      expect(await remove(place('KEY'))).toBe(false)
      expect(await get(place('KEY'))).toBeUndefined()
    })

    testOf('removing a scope leaves the others', async () => {
      const { set, removeScope, list } = await vault()
      await set(place('KEY', 'pipeline/a'), new Secret('v'))
      await set(place('KEY', 'pipeline/ab'), new Secret('v'))
      await removeScope('ten_1', 'pipeline/a')
      expect((await list('ten_1')).map(({ scope }) => scope)).toEqual(['pipeline/ab'])
    })

    testOf('S55: another passphrase is refused by the canary, and nothing is written', async () => {
      const { backend, again } = await open()
      await (await vaultOn(backend, { unlock: withPassphrase() })).set(place('KEY'), new Secret('value'))
      const before = [await backend.readHeader(), await backend.read(place('KEY'))]
      await expect(vaultOn(await again(), { unlock: withPassphrase('wrong') })).rejects.toThrow(
        'wrong passphrase',
      )
      await expect(vaultOn(await again(), { unlock: withKey() })).rejects.toThrow('locked with a passphrase')
      expect([await backend.readHeader(), await backend.read(place('KEY'))]).toEqual(before)
      const right = await vaultOn(await again(), { unlock: withPassphrase() })
      expect((await right.get(place('KEY')))?.reveal()).toBe('value')
    })

    testOf('two servers that start at once on nothing agree on one header', async () => {
      const { backend, again } = await open()
      const [a, b] = await Promise.all([vaultOn(backend), vaultOn(await again())])
      await a.set(place('A'), new Secret('from a'))
      await b.set(place('B'), new Secret('from b'))
      const third = await vaultOn(await again())
      expect((await third.get(place('A')))?.reveal()).toBe('from a')
      expect((await third.get(place('B')))?.reveal()).toBe('from b')
    })

    testOf('the passphrase is rotated under a server that runs', async () => {
      const { backend, again } = await open()
      const running = await vaultOn(backend, { unlock: withPassphrase('old one') })
      await running.set(place('BEFORE'), new Secret('before'))
      const record = await backend.read(place('BEFORE'))
      await rotateLock(await again(), withPassphrase('old one'), withPassphrase('new one'))
      // One key was wrapped anew; no secret was touched.
      expect(await backend.read(place('BEFORE'))).toEqual(record)
      expect((await running.get(place('BEFORE')))?.reveal()).toBe('before')
      await running.set(place('AFTER'), new Secret('after'))
      await expect(running.reEncrypt()).rejects.toThrow(
        'the passphrase was changed after this server was started',
      )

      await expect(vaultOn(await again(), { unlock: withPassphrase('old one') })).rejects.toThrow(
        'wrong passphrase',
      )
      const next = await vaultOn(await again(), { unlock: withPassphrase('new one') })
      expect((await next.get(place('BEFORE')))?.reveal()).toBe('before')
      expect((await next.get(place('AFTER')))?.reveal()).toBe('after')
    })

    testOf('a wrong passphrase rotates nothing', async () => {
      const { backend, again } = await open()
      await vaultOn(backend, { unlock: withKey(1) })
      const before = await backend.readHeader()
      await expect(rotateLock(await again(), withKey(2), withKey(3))).rejects.toThrow('wrong key file')
      expect(await backend.readHeader()).toEqual(before)
    })

    describe('re-encryption', () => {
      const KEYS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K']

      testOf('moves all to a new key, forgets the old one, and changes no time', async () => {
        const { backend, again } = await open()
        const clock = manualClock()
        const vault = await vaultOn(backend, { clock })
        for (const key of KEYS) await vault.set(place(key), new Secret(`value ${key}`))
        const old = await ringOf(backend)
        const listed = await vault.list('ten_1')
        await clock.advance(60_000)
        const end = await reEncryptAll(vault)
        expect(end).toMatchObject({ total: 11, done: 11, failed: [], finished: true })
        const ring = await ringOf(backend)
        expect(ring.keys).toHaveLength(1)
        expect(currentKey(ring).id).toBe(end.keyId)
        expect(end.keyId).not.toBe(currentKey(old).id)
        expect(await vault.list('ten_1')).toEqual(listed)
        const other = await vaultOn(await again())
        for (const key of KEYS) expect((await other.get(place(key)))?.reveal()).toBe(`value ${key}`)
      })

      testOf('goes on where it stood, in another process too', async () => {
        const { backend, again } = await open()
        const clock = manualClock()
        let writes = 0
        const dying = interrupted(backend, {
          write: async () => {
            if (++writes > KEYS.length + 4) throw new Error('the server was killed')
          },
        })
        const first = await vaultOn(dying, { clock })
        for (const key of KEYS) await first.set(place(key), new Secret(`value ${key}`))
        await expect(reEncryptAll(first)).rejects.toThrow('killed')
        const half = await ringOf(backend)
        expect(half.keys).toHaveLength(2)

        const second = await vaultOn(await again())
        for (const key of KEYS) expect((await second.get(place(key)))?.reveal()).toBe(`value ${key}`)
        const end = await reEncryptAll(second)
        expect(end.keyId).toBe(currentKey(half).id)
        expect((await ringOf(backend)).keys.map(({ id }) => id)).toEqual([end.keyId])
        for (const key of KEYS) {
          const sealed = (await backend.read(place(key)))?.record.sealed ?? Buffer.alloc(0)
          expect(keyIdOf(sealed)).toBe(end.keyId)
        }
      })

      testOf('a value that another server sets meanwhile is not overwritten with the old one', async () => {
        const { backend, again } = await open()
        const other = await vaultOn(await again())
        let between = nothing
        const slow = interrupted(backend, { write: () => between() })
        const vault = await vaultOn(slow)
        await vault.set(place('KEY'), new Secret('old'))
        between = async () => {
          between = nothing
          await other.set(place('KEY'), new Secret('new'))
        }
        await reEncryptAll(vault)
        expect((await vault.get(place('KEY')))?.reveal()).toBe('new')
        expect((await other.get(place('KEY')))?.reveal()).toBe('new')
      })

      testOf('a value that is being set under the old key is set again under the new one', async () => {
        const { backend, again } = await open()
        const other = await vaultOn(await again())
        let between = nothing
        const slow = interrupted(backend, { write: () => between() })
        const vault = await vaultOn(slow)
        await vault.set(place('OTHER'), new Secret('other'))
        // It has chosen its key; now everything is moved and the old key forgotten; then it writes.
        between = async () => {
          between = nothing
          await reEncryptAll(other)
        }
        await vault.set(place('KEY'), new Secret('late'))
        const third = await vaultOn(await again())
        expect((await third.get(place('KEY')))?.reveal()).toBe('late')
        expect((await third.get(place('OTHER')))?.reveal()).toBe('other')
      })

      testOf('one that does not open is named, and the old key is kept for it', async () => {
        const { backend } = await open()
        const vault = await vaultOn(backend)
        await vault.set(place('GOOD'), new Secret('good'))
        await vault.set(place('BAD'), new Secret('bad'))
        const bad = await backend.read(place('BAD'))
        const sealed = Buffer.from(bad?.record.sealed ?? [])
        sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1
        await backend.write(place('BAD'), { sealed, updatedAt: 0 })
        const end = await reEncryptAll(vault)
        expect(end.failed.map(({ key }) => key)).toEqual(['BAD'])
        expect((await ringOf(backend)).keys).toHaveLength(2)
        await vault.remove(place('BAD'))
        expect((await reEncryptAll(vault)).failed).toEqual([])
        expect((await ringOf(backend)).keys).toHaveLength(1)
        expect((await vault.get(place('GOOD')))?.reveal()).toBe('good')
      })
    })
  })
}

async function nothing(): Promise<void> {}

async function ringOf(backend: Backend) {
  const header = await backend.readHeader()
  return openHeader(header?.text ?? '', withKey(), 'the test')
}

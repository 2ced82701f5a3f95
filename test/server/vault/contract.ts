import { describe, expect, test } from 'bun:test'
import { Secret } from '../../../src/redact/secret.ts'
import type { SecretPlace, Vault } from '../../../src/server/vault/vault.ts'

const place = (key: string, scope: SecretPlace['scope'] = 'global'): SecretPlace => ({
  tenantId: 'ten_1',
  scope,
  key,
})

/** What every backend of the vault has to do. */
export function vaultContract(name: string, open: () => Promise<Vault>): void {
  describe(`${name} is a vault`, () => {
    test('what is set can be read by its place and nowhere else', async () => {
      const vault = await open()
      await vault.set(place('KEY', 'pipeline/a'), new Secret('väl\nue'))
      expect((await vault.get(place('KEY', 'pipeline/a')))?.reveal()).toBe('väl\nue')
      expect(await vault.get(place('KEY'))).toBeUndefined()
      expect(await vault.get(place('KEY', 'pipeline/b'))).toBeUndefined()
      expect(await vault.get({ ...place('KEY', 'pipeline/a'), tenantId: 'ten_2' })).toBeUndefined()
    })

    test('setting again replaces', async () => {
      const vault = await open()
      await vault.set(place('KEY'), new Secret('one'))
      await vault.set(place('KEY'), new Secret('two'))
      expect((await vault.get(place('KEY')))?.reveal()).toBe('two')
      expect(await vault.list('ten_1')).toHaveLength(1)
    })

    test('a list has names and times, sorted, of one tenant, and no value', async () => {
      const vault = await open()
      for (const [key, scope] of [
        ['B', 'global'],
        ['A', 'global'],
        ['C', 'pipeline/a'],
      ] as const) {
        await vault.set(place(key, scope), new Secret('canary-value'))
      }
      await vault.set({ ...place('OTHER'), tenantId: 'ten_2' }, new Secret('canary-value'))
      const all = await vault.list('ten_1')
      expect(all.map(({ scope, key }) => `${scope}/${key}`)).toEqual(['global/A', 'global/B', 'pipeline/a/C'])
      expect((await vault.list('ten_1', 'pipeline/a')).map(({ key }) => key)).toEqual(['C'])
      expect(JSON.stringify(all)).not.toContain('canary')
    })

    test('removing says whether there was one', async () => {
      const vault = await open()
      await vault.set(place('KEY'), new Secret('v'))
      expect(await vault.remove(place('KEY'))).toBe(true)
      expect(await vault.remove(place('KEY'))).toBe(false)
      expect(await vault.get(place('KEY'))).toBeUndefined()
    })

    test('removing a scope leaves the others', async () => {
      const vault = await open()
      await vault.set(place('KEY', 'pipeline/a'), new Secret('v'))
      await vault.set(place('KEY', 'pipeline/ab'), new Secret('v'))
      await vault.removeScope('ten_1', 'pipeline/a')
      expect((await vault.list('ten_1')).map(({ scope }) => scope)).toEqual(['pipeline/ab'])
    })
  })
}

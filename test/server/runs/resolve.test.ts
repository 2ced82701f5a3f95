import { expect, test } from 'bun:test'
import { Secret } from '../../../src/redact/secret.ts'
import { resolveSecrets } from '../../../src/server/runs/resolve.ts'
import { memoryVault } from '../../support/memory-vault.ts'
import { failure } from './harness.ts'

async function resolver() {
  const vault = memoryVault()
  const at = { tenantId: 'ten', scope: 'global' } as const
  await vault.set({ ...at, key: 'A' }, new Secret('value-a'))
  await vault.set({ ...at, key: 'B' }, new Secret('value-b'))
  const registered: string[] = []
  const context = {
    vault,
    tenantId: 'ten',
    pipeline: { id: 'pip', name: 'deploy' },
    register: (key: string) => void registered.push(key),
  }
  return { registered, resolve: (value: unknown) => resolveSecrets(value, context) }
}

test('S93: walks nested maps and lists; only strings that begin with secret: change', async () => {
  const { resolve, registered } = await resolver()
  const source = {
    a: 'secret:A',
    plain: 'not secret:A',
    upper: 'SECRET:A',
    n: 1,
    yes: true,
    nothing: null,
    deep: [{ list: ['secret:B', 'x', 2] }, []],
  }
  const result = await resolve(source)
  expect(result).toEqual({
    a: new Secret('value-a'),
    plain: 'not secret:A',
    upper: 'SECRET:A',
    n: 1,
    yes: true,
    nothing: null,
    deep: [{ list: [new Secret('value-b'), 'x', 2] }, []],
  })
  const { a } = result as { a: unknown }
  expect(a).toBeInstanceOf(Secret)
  expect(a instanceof Secret && a.reveal()).toBe('value-a')
  expect(registered).toEqual(['A', 'B'])
  expect(source.a).toBe('secret:A')
})

test('a key such as __proto__ stays a key', async () => {
  const { resolve } = await resolver()
  const result = await resolve(JSON.parse('{"__proto__": {"a": "secret:A"}, "constructor": 1}'))
  expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
  expect(Object.keys(result as object)).toEqual(['__proto__', 'constructor'])
})

test('nesting without end is refused', async () => {
  const { resolve } = await resolver()
  const deep: unknown = JSON.parse(`${'['.repeat(2000)}${']'.repeat(2000)}`)
  expect(await failure(resolve(deep))).toMatchObject({ code: 'failed' })
})

test('S64: a missing one names the key, the places and the next step', async () => {
  const { resolve } = await resolver()
  expect(await failure(resolve({ x: ['secret:C'] }))).toMatchObject({
    message: 'secret C is not set: looked in pipeline deploy, then in global',
    hint: 'fob secrets set C --pipeline deploy',
  })
})

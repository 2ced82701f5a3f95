/** `secret:KEY` references: nested values, order of scopes, missing keys, recorded uses and bounds. */
import { expect, test } from 'bun:test'
import type { Fault } from '../../../../src/contract/fault.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { createRedactor } from '../../../../src/redact/redactor.ts'
import { createResolver } from '../../../../src/server/runs/secrets/resolve-secrets.ts'
import { memoryVault } from '../../../support/servers/memory-vault.ts'
import { failure } from '../run-harness.ts'

async function openResolver() {
  const vault = memoryVault()
  const set = (
    key: string,
    value: string | Uint8Array,
    scope: 'server' | 'global' | 'pipeline/pip' = 'global',
  ) => vault.set({ tenantId: 'ten', scope, key }, new Secret(value))
  await set('A', 'value-a')
  await set('B', 'value-b')
  const redactor = createRedactor()
  const pipeline = { id: 'pip', name: 'deploy' }
  const resolver = createResolver({ vault, tenantId: 'ten', pipeline, runId: 'run_1', redactor })
  return { ...resolver, vault, set, redactor }
}

test('S93: walks nested maps and lists; only strings that begin with secret: change', async () => {
  const { resolve, redactor } = await openResolver()
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
  expect(redactor.text('value-a value-b')).toBe('***REDACTED*** ***REDACTED***')
  expect(source.a).toBe('secret:A')
})

test('a key such as __proto__ stays a key', async () => {
  const { resolve } = await openResolver()
  const result = await resolve(JSON.parse('{"__proto__": {"a": "secret:A"}, "constructor": 1}'))
  expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
  expect(Object.keys(result as object)).toEqual(['__proto__', 'constructor'])
})

test('nesting without end is refused', async () => {
  const { resolve } = await openResolver()
  const deep: unknown = JSON.parse(`${'['.repeat(2000)}${']'.repeat(2000)}`)
  expect(await failure(resolve(deep))).toMatchObject({ code: 'failed' })
})

test('S64: a missing one names the key, the places and the next step', async () => {
  const { resolve } = await openResolver()
  expect(await failure(resolve({ x: ['secret:C'] }))).toMatchObject({
    message: 'secret C is not set: looked in pipeline deploy, then in global, then in server',
    hint: 'did you mean A? Or set it with: fob secrets set C --pipeline deploy',
  })
})

test('S64: the nearest name is one that the pipeline could read', async () => {
  const { resolve, set, vault } = await openResolver()
  await set('DB_PASSWORD', 'value-1')
  await set('FOB_DB_PASSWORT', 'value-2')
  await vault.set({ tenantId: 'other', scope: 'global', key: 'DB_PASSWORTS' }, new Secret('value-3'))
  await vault.set({ tenantId: 'ten', scope: 'pipeline/else', key: 'DB_PASSWORTE' }, new Secret('value-4'))
  const { hint } = (await failure(resolve('secret:DB_PASSWORT'))) as Fault
  expect(hint).toStartWith('did you mean DB_PASSWORD? Or ')
})

test("S65, S71: the pipeline's own value, else the tenant's, else the server's", async () => {
  const { vault, set } = await openResolver()
  const read = async () => {
    const redactor = createRedactor()
    const pipeline = { id: 'pip', name: 'deploy' }
    const { resolve } = createResolver({ vault, tenantId: 'ten', pipeline, runId: 'run_1', redactor })
    return ((await resolve('secret:KEY')) as Secret).reveal()
  }
  await set('KEY', 'of the server', 'server')
  expect(await read()).toBe('of the server')
  await set('KEY', 'of the tenant')
  expect(await read()).toBe('of the tenant')
  await set('KEY', 'its own', 'pipeline/pip')
  expect(await read()).toBe('its own')
})

test.each(['FOB_SESSION_KEY', 'fob_session_key'])(
  "S68: %s is the server's own and cannot be read",
  async (key) => {
    const { resolve, prepare, set } = await openResolver()
    await set(key, 'value-of-it', 'server')
    const refused = { code: 'failed', message: `secret ${key} cannot be read: FOB_* is the server's own` }
    expect(await failure(resolve(`secret:${key}`))).toMatchObject(refused)
    expect(await failure(prepare(`x = 'secret:${key}'`))).toMatchObject(refused)
  },
)

test('a run keeps the value that it was prepared with', async () => {
  const { prepare, resolve, set, vault } = await openResolver()
  await prepare("env: { A: 'secret:A' }")
  await set('A', 'changed since')
  expect(await resolve('secret:A')).toEqual(new Secret('value-a'))
  await vault.remove({ tenantId: 'ten', scope: 'global', key: 'A' })
  expect(await resolve(['secret:A'])).toEqual([new Secret('value-a')])
})

test('S64: what a source names and is not set is no error before it is asked for', async () => {
  const { prepare, resolve } = await openResolver()
  expect(await prepare(`run('secret:C'); send('secret:A', 'secret:D', 'secret:C')`)).toEqual(['C', 'D'])
  expect(await failure(resolve('secret:D'))).toMatchObject({ code: 'failed' })
})

test('a value counts as used by the run when it is given out, not when it is prepared', async () => {
  const { prepare, resolve, vault } = await openResolver()
  const used = async () => (await vault.list('ten', 'global')).map((entry) => entry.lastUsed?.runId)
  await prepare('"secret:A" + "secret:B"')
  expect(await used()).toEqual([undefined, undefined])
  await resolve({ x: 'secret:B' })
  expect(await used()).toEqual([undefined, 'run_1'])
})

test('values that are too long to be kept out of the output are not given out', async () => {
  const { resolve, set } = await openResolver()
  const keys = Array.from({ length: 20 }, (_, index) => `LONG_${index}`)
  for (const key of keys) await set(key, `${key} ${'x'.repeat(255_000)}`)
  expect(await failure(resolve(keys.map((key) => `secret:${key}`)))).toMatchObject({
    code: 'failed',
    message: expect.stringMatching(/^secret LONG_\d+: the secrets of this run are too long/),
  })
})

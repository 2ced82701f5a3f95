/** Storage of a pipeline: replacement, isolation, bounds, removal with the pipeline, and redacted secrets. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { createRedactor } from '../../../../src/redact/redactor.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { openDatabase } from '../../../../src/server/db/open-database.ts'
import { pipelines, pipelineStorage, tenants } from '../../../../src/server/db/schema.ts'
import { createStorageCalls } from '../../../../src/server/runs/execution/storage-calls.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { failure, NEVER } from '../run-harness.ts'

let database: ReturnType<typeof openDatabase>
beforeEach(async () => {
  database = openDatabase(':memory:')
  await database.db.insert(tenants).values({ id: 't', slug: 't', name: 'T', createdAt: 0 })
  const row = { tenantId: 't', filename: 'p.ts', source: '', driver: 'native', paused: false }
  for (const id of ['p', 'q']) {
    await database.db.insert(pipelines).values({ ...row, id, name: id, createdAt: 0, updatedAt: 0 })
  }
})
afterEach(() => database.close())

/** The calls of one run. */
function run(pipelineId = 'p', secrets: Record<string, string> = {}) {
  const redactor = createRedactor()
  for (const [name, value] of Object.entries(secrets)) redactor.add(name, new Secret(value))
  const calls = createStorageCalls({ db: database.db, clock: manualClock(), pipelineId, redactor })
  const call = async (method: string, params: unknown) =>
    await calls[method]?.(params, { number: 1, signal: NEVER })
  return {
    get: (key: unknown) => call('storage.get', { key }),
    set: (key: unknown, value: unknown) => call('storage.set', { key, value }),
  }
}
const messageOf = async (promise: Promise<unknown>) =>
  ((await failure(promise)) as Error | undefined)?.message

describe('what a pipeline keeps', () => {
  test.each([[1], ['text'], [true], [{ a: [1, { b: null }] }], [[]], ['\u0000 and \ud83d\ude00']])(
    '%j comes back in another run',
    async (value) => {
      expect(await run().set('key', value)).toBeNull()
      expect(await run().get('key')).toEqual(value)
    },
  )

  test('is replaced, and removed by null', async () => {
    await run().set('key', 1)
    await run().set('key', 2)
    expect(await run().get('key')).toBe(2)
    await run().set('key', null)
    expect(await run().get('key')).toBeNull()
    expect(await database.db.$count(pipelineStorage)).toBe(0)
  })

  test('is seen by no other pipeline', async () => {
    await run('p').set('key', 'of p')
    expect(await run('q').get('key')).toBeNull()
  })

  test('goes with it', async () => {
    await run().set('key', 1)
    await database.db.delete(pipelines).where(eq(pipelines.id, 'p'))
    expect(await database.db.$count(pipelineStorage)).toBe(0)
    expect(await messageOf(run().set('key', 1))).toBe('storage.set: the pipeline has been deleted')
  })
})

describe('is bounded', () => {
  test.each([
    ['', 1, 'key is empty'],
    ['k'.repeat(257), 1, 'over 256 characters'],
    [7, 1, 'key has the wrong type'],
    ['k', 'x'.repeat(256 * 1024), 'over 256 KiB'],
  ])('key %p', async (key, value, message) => {
    expect(await messageOf(run().set(key, value))).toContain(message)
  })

  test('in the number of keys, of which one that is there is none more', async () => {
    const { set } = run()
    for (let i = 0; i < 1000; i++) await set(`k${i}`, i)
    expect(await messageOf(set('one more', 1))).toContain('at most 1000 keys')
    await set('k0', 'other')
    await set('k1', null)
    await set('one more', 1)
    await run('q').set('of its own', 1)
  })

  test('in all', async () => {
    const { set } = run()
    const value = 'x'.repeat(250_000)
    for (let i = 0; i < 16; i++) await set(`k${i}`, value)
    expect(await messageOf(set('k16', value))).toContain('at most 4 MiB')
    await set('k0', 'small')
    await set('k16', value)
  })
})

const stored = async () => JSON.stringify(await database.db.select().from(pipelineStorage))

describe('secrets', () => {
  const secrets = { TOKEN: 'canary-77-storage', NUMBER: '1234567' }

  test('are hidden before anything is kept', async () => {
    await run('p', secrets).set('key', { deep: ['it is canary-77-storage'], b: btoa('canary-77-storage') })
    expect(await stored()).not.toContain('canary')
    expect(await run().get('key')).toEqual({ deep: ['it is ***REDACTED***'], b: '***REDACTED***' })
  })

  test('that became one later are hidden when it is read', async () => {
    await run().set('key', 'canary-77-storage')
    expect(await run('p', secrets).get('key')).toBe('***REDACTED***')
  })

  test('as a key, or as a number, are refused', async () => {
    expect(await messageOf(run('p', secrets).set('canary-77-storage', 1))).toContain('the key holds a secret')
    expect(await messageOf(run('p', secrets).set('key', 1234567))).toContain('the value holds a secret')
    expect(await stored()).toBe('[]')
  })
})

/** Runners with their tokens and heartbeats, service keys, and download tokens. */
import { afterEach, describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/contract/fault.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { openAccounts } from '../../../src/server/accounts/accounts.ts'
import { openDownloadTokens } from '../../../src/server/accounts/download-tokens.ts'
import { openRunners } from '../../../src/server/accounts/runners.ts'
import { openServiceKeys } from '../../../src/server/accounts/service-keys.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { runners as runnerTable, serviceKeys, serviceTokens } from '../../../src/server/db/schema.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function setUp() {
  const { db, close } = openDatabase(':memory:')
  closers.push(close)
  const time = { now: Date.parse('2026-01-01T00:00:00Z') }
  const clock = { now: () => time.now, sleep: () => Promise.resolve() }
  const accounts = await openAccounts({ db, clock, onCredentialsChanged: async () => {} })
  const tenant = accounts.defaultTenant()
  const deps = { db, clock }
  return {
    ...deps,
    time,
    accounts,
    tenant,
    runners: openRunners(deps),
    keys: openServiceKeys(deps),
    downloads: openDownloadTokens(deps),
  }
}

describe('runners', () => {
  test('S192: a runner gets a token when it is made; a new one ends the old one', async () => {
    const { runners, tenant } = await setUp()
    const { value, runner } = runners.create(tenant.id, 'build-1')
    expect(runners.verify(value.reveal())).toEqual({ id: runner.id, name: 'build-1', tenant })
    const again = await runners.regenerate(tenant.id, runner.id)
    expect(runners.verify(value.reveal())).toBeUndefined()
    expect(runners.verify(again?.value.reveal() ?? '')?.id).toBe(runner.id)
    expect(await runners.regenerate('ten_x', runner.id)).toBeUndefined()
    expect(await runners.regenerate(tenant.id, 'rnr_x')).toBeUndefined()
  })

  test('S191: what a heartbeat says is shown, until two minutes of silence', async () => {
    const { runners, tenant, time } = await setUp()
    const { runner } = runners.create(tenant.id, 'build-1')
    expect(runner).toMatchObject({ status: 'offline', version: null, lastSeenAt: null })
    await runners.heartbeat(runner.id, { status: 'online', version: '1.0.0' })
    expect(await runners.get(tenant.id, runner.id)).toMatchObject({
      status: 'online',
      version: '1.0.0',
      lastSeenAt: time.now,
    })
    time.now += 120_000
    expect((await runners.get(tenant.id, runner.id))?.status).toBe('online')
    time.now += 1
    expect((await runners.get(tenant.id, runner.id))?.status).toBe('offline')
  })

  test('names are unique in a tenant, and what is of another tenant is not there', async () => {
    const { runners, tenant } = await setUp()
    const one = runners.create(tenant.id, 'one').runner
    const two = runners.create(tenant.id, 'two').runner
    expect(() => runners.create(tenant.id, 'one')).toThrow(Fault)
    await expect(runners.rename(tenant.id, two.id, 'one')).rejects.toThrow('already')
    expect(await runners.rename(tenant.id, one.id, 'one')).toMatchObject({ name: 'one' })
    expect(await runners.rename(tenant.id, two.id, 'three')).toMatchObject({ name: 'three' })
    expect(await runners.rename('ten_x', two.id, 'four')).toBeUndefined()
    expect(await runners.get('ten_x', two.id)).toBeUndefined()
    expect(await runners.remove('ten_x', two.id)).toBe(false)
    expect(await runners.remove(tenant.id, two.id)).toBe(true)
    expect((await runners.list(tenant.id, { limit: 5 })).items.map(({ name }) => name)).toEqual(['one'])
  })

  test('only the hash of a token is kept', async () => {
    const { db, runners, tenant } = await setUp()
    const { value } = runners.create(tenant.id, 'build-1')
    expect(JSON.stringify(db.select().from(runnerTable).all())).not.toContain(value.reveal())
  })
})

describe('service keys', () => {
  test('S193: a key buys tokens of an hour with its scopes; deleting it ends them', async () => {
    const { keys, time, db, tenant } = await setUp()
    const { value, key } = keys.create({
      name: 'ci',
      tenant: undefined,
      scopes: ['runs:trigger'],
      pipelines: null,
    })
    expect(keys.verifyKey(value.reveal())).toMatchObject({ id: key.id, tenant, scopes: ['runs:trigger'] })
    const token = keys.issue(key.id).value.reveal()
    expect(keys.verifyToken(token)).toMatchObject({ id: key.id, name: 'ci', scopes: ['runs:trigger'] })
    // Neither is good for the other.
    expect(keys.verifyToken(value.reveal())).toBeUndefined()
    expect(keys.verifyKey(token)).toBeUndefined()
    const kept = JSON.stringify([db.select().from(serviceKeys).all(), db.select().from(serviceTokens).all()])
    expect(kept).not.toContain(token)
    expect(kept).not.toContain(value.reveal())
    time.now += 3_600_000
    expect(keys.verifyToken(token)).toBeUndefined()
    const last = keys.issue(key.id).value.reveal()
    await keys.purge(time.now + 1)
    expect(db.select().from(serviceTokens).all()).toHaveLength(1)
    await keys.remove(key.id)
    expect(keys.verifyToken(last)).toBeUndefined()
    expect(keys.verifyKey(value.reveal())).toBeUndefined()
  })

  test('a tenant or a pipeline that is not there, and a name that is taken, are refused', async () => {
    const { keys } = await setUp()
    const base = { name: 'ci', tenant: undefined, scopes: ['runs:read'] as const, pipelines: null }
    keys.create(base)
    expect(() => keys.create(base)).toThrow('already')
    expect(() => keys.create({ ...base, name: 'b', tenant: 'nowhere' })).toThrow('there is no tenant')
    expect(() => keys.create({ ...base, name: 'c', pipelines: ['nothing'] })).toThrow('there is no pipeline')
    await expect(keys.remove('svk_x')).rejects.toThrow('no service key')
  })
})

describe('download tokens', () => {
  test('S194: one opens one path, once, within five minutes, for as long as its maker is there', async () => {
    const { downloads, accounts, time, tenant } = await setUp()
    const ada = await accounts.addLocal({ email: 'ada@example.com', password: new Secret('correct horse') })
    const path = '/api/runners/install.sh'
    const issue = () =>
      downloads.issue({ userId: ada.id, tenantId: tenant.id, path, scope: 'runners:read' }).value.reveal()
    const token = issue()
    expect(downloads.take(token, `${path}?x`)).toBeUndefined()
    expect(downloads.take(token, '/api/runs/run_1/log')).toBeUndefined()
    expect(downloads.take(token, path)).toMatchObject({ owner: { id: ada.id }, scope: 'runners:read' })
    expect(downloads.take(token, path)).toBeUndefined()
    const late = issue()
    time.now += 300_000
    expect(downloads.take(late, path)).toBeUndefined()
    const orphan = issue()
    await accounts.remove('ada@example.com')
    expect(downloads.take(orphan, path)).toBeUndefined()
  })
})

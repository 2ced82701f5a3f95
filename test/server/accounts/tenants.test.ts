import { afterEach, describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/contract/fault.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { openAccounts } from '../../../src/server/accounts/accounts.ts'
import { openTenants } from '../../../src/server/accounts/tenants.ts'
import { openDatabase } from '../../../src/server/db/open.ts'
import { pipelines, users } from '../../../src/server/db/schema.ts'

const PASSWORD = new Secret('correct horse battery')
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A server with the tenants default and acme; ada administers default, bob is a member of it. */
async function setUp() {
  const database = openDatabase(':memory:')
  closers.push(() => database.close())
  const { db } = database
  let now = 1_700_000_000_000
  const clock = { now: () => (now += 1000), sleep: () => Promise.resolve() }
  const accounts = await openAccounts({ db, clock, onCredentialsChanged: () => Promise.resolve() })
  const tenants = openTenants({ db, clock })
  const acme = await tenants.add({ slug: 'acme', name: 'Acme Labs' })
  const ada = await accounts.addLocal({ email: 'ada@example.com', password: PASSWORD })
  const bob = await accounts.addLocal({ email: 'bob@example.com', password: PASSWORD })
  return { db, accounts, tenants, acme, ada, bob, home: accounts.defaultTenant() }
}

async function fault(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  )
  if (error instanceof Fault) return error
  throw new Error('expected a fault')
}

describe('tenants', () => {
  test('are listed by slug, with the default one', async () => {
    const { tenants } = await setUp()
    expect((await tenants.list()).map(({ slug, name }) => [slug, name])).toEqual([
      ['acme', 'Acme Labs'],
      ['default', 'Default'],
    ])
  })

  test.each(['', 'Acme', 'a b', '-a', 'a-', 'ä', 'a/b', 'a'.repeat(64), 'a\n'])(
    'refuse the slug %j',
    async (slug) => {
      const { tenants } = await setUp()
      expect((await fault(tenants.add({ slug }))).code).toBe('usage')
    },
  )

  test('refuse a slug that is taken', async () => {
    const { tenants } = await setUp()
    expect((await fault(tenants.add({ slug: 'acme' }))).code).toBe('conflict')
  })

  test('go when nothing is left in them, and not before', async () => {
    const { db, tenants, acme, ada } = await setUp()
    await tenants.setMember({ userId: ada.id, tenantId: acme.id, role: 'admin' })
    const row = { id: 'pip_1', tenantId: acme.id, name: 'p', filename: 'p.ts', source: '', driver: 'native' }
    await db.insert(pipelines).values({ ...row, paused: false, createdAt: 0, updatedAt: 0 })
    expect((await fault(tenants.remove('acme'))).message).toContain('1 pipelines')
    await db.delete(pipelines)
    await tenants.remove('acme')
    expect((await fault(tenants.get('acme'))).code).toBe('not_found')
    expect((await fault(tenants.remove('acme'))).code).toBe('not_found')
    expect((await fault(tenants.remove('default'))).code).toBe('conflict')
  })

  test('do not go while somebody belongs to no other', async () => {
    const { accounts, tenants, acme } = await setUp()
    await accounts.addLocal({ email: 'eve@example.com', password: PASSWORD, tenant: acme })
    expect((await fault(tenants.remove('acme'))).message).toContain('only tenant')
    expect(await accounts.byEmail('eve@example.com')).toMatchObject({ tenant: { slug: 'acme' } })
  })
})

describe('S227: memberships', () => {
  test('a user is in the default tenant with a role, and in others with roles of their own', async () => {
    const { accounts, tenants, acme, ada } = await setUp()
    await tenants.setMember({ userId: ada.id, tenantId: acme.id, role: 'viewer' })
    const memberships = await tenants.membershipsOf(ada.id)
    expect(memberships.map(({ tenant, role }) => [tenant.slug, role])).toEqual([
      ['acme', 'viewer'],
      ['default', 'admin'],
    ])
    expect(await tenants.membership(ada.id, 'acme')).toMatchObject({ role: 'viewer' })
    expect(await tenants.membership(ada.id, 'nowhere')).toBeUndefined()
    // What a request without X-Tenant means has not changed.
    expect(await accounts.byId(ada.id)).toMatchObject({ tenant: { slug: 'default' }, role: 'admin' })
  })

  test('a membership says nothing about another tenant of the same user', async () => {
    const { tenants, bob } = await setUp()
    expect(await tenants.membership(bob.id, 'acme')).toBeUndefined()
  })

  test('whoever leaves the default tenant of theirs has another one from then on', async () => {
    const { accounts, tenants, acme, bob, home } = await setUp()
    await tenants.setMember({ userId: bob.id, tenantId: acme.id, role: 'viewer' })
    await tenants.removeMember({ userId: bob.id, tenantId: home.id })
    expect(await accounts.byId(bob.id)).toMatchObject({ tenant: { slug: 'acme' }, role: 'viewer' })
  })

  test('nobody is left without a tenant, and no tenant without an administrator', async () => {
    const { tenants, acme, ada, bob, home } = await setUp()
    expect((await fault(tenants.removeMember({ userId: bob.id, tenantId: home.id }))).code).toBe('conflict')
    await tenants.setMember({ userId: ada.id, tenantId: acme.id, role: 'member' })
    const last = { userId: ada.id, tenantId: home.id }
    expect((await fault(tenants.removeMember(last))).message).toContain('only administrator')
    const demoted = tenants.setMember({ ...last, role: 'viewer' })
    expect((await fault(demoted)).message).toContain('only administrator')
    await tenants.setMember({ userId: bob.id, tenantId: home.id, role: 'admin' })
    await tenants.setMember({ ...last, role: 'viewer' })
    expect(await tenants.membership(ada.id, 'default')).toMatchObject({ role: 'viewer' })
  })

  test('whoever is no member cannot be taken out', async () => {
    const { tenants, acme, bob } = await setUp()
    const error = await fault(tenants.removeMember({ userId: bob.id, tenantId: acme.id }))
    expect(error.code).toBe('not_found')
  })

  test('members come page by page, and go with their account', async () => {
    const { accounts, tenants, ada, bob, home } = await setUp()
    const first = await tenants.members(home.id, { limit: 1 })
    expect(first.items.map((member) => member.userId)).toEqual([ada.id])
    const second = await tenants.members(home.id, { limit: 1, cursor: first.next ?? '' })
    expect(second).toMatchObject({ items: [{ userId: bob.id, role: 'member' }], next: null })
    await accounts.remove('bob@example.com')
    expect((await tenants.members(home.id, { limit: 10 })).items).toHaveLength(1)
  })

  test('a user without a row in memberships is nobody: the two are written together', async () => {
    const { db, accounts, home } = await setUp()
    await db.insert(users).values({
      id: 'usr_x',
      provider: 'github',
      subject: '1',
      tenantId: home.id,
      organizations: [],
      groups: [],
      createdAt: 0,
      updatedAt: 0,
    })
    expect(await accounts.byId('usr_x')).toBeUndefined()
  })
})

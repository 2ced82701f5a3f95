/** Tenants and memberships: creation, roles, and removal with every row that names the tenant. */
import { afterEach, describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/contract/fault.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { openAccounts } from '../../../src/server/accounts/accounts.ts'
import { openTenants } from '../../../src/server/accounts/tenants-and-members.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
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

/** A row of every table that belongs to a tenant: whether it stands in the way, and as what. */
const TENANTS_ROWS: Readonly<Record<string, { columns: Record<string, unknown>; keeps?: string }>> = {
  memberships: { columns: { user_id: 'BOB', role: 'viewer', created_at: 0 } },
  users: {
    columns: {
      id: 'usr_z',
      provider: 'github',
      subject: '1',
      organizations: '[]',
      groups: '[]',
      created_at: 0,
      updated_at: 0,
    },
    keeps: 'only tenant',
  },
  cli_tokens: {
    columns: {
      id: 'tok',
      hash: 'h',
      user_id: 'BOB',
      name: 'n',
      scopes: '[]',
      signature_required: 0,
      created_at: 0,
    },
  },
  download_tokens: { columns: { hash: 'h', user_id: 'BOB', path: '/', scope: 'runs:read', expires_at: 0 } },
  runners: {
    columns: { id: 'rnr', name: 'n', token_hash: 'h', status: 'offline', created_at: 0 },
    keeps: '1 runners',
  },
  service_keys: {
    columns: { id: 'svk', name: 'n', hash: 'h', scopes: '[]', created_at: 0 },
    keeps: '1 service keys',
  },
  pipelines: {
    columns: {
      id: 'pip',
      name: 'n',
      filename: 'f',
      source: '',
      driver: 'native',
      paused: 0,
      created_at: 0,
      updated_at: 0,
    },
    keeps: '1 pipelines',
  },
  pipeline_rules: { columns: { pipeline_id: 'gone', expression: 'true', updated_at: 0 } },
  runs: {
    columns: {
      id: 'run',
      pipeline_id: 'gone',
      pipeline_name: 'n',
      status: 'success',
      triggered_by: 'api',
      args: '[]',
      created_at: 0,
    },
    keeps: '1 runs',
  },
  secrets: {
    columns: { scope: 'global', key: 'K', ciphertext: new Uint8Array(1), created_at: 0, updated_at: 0 },
    keeps: '1 secrets',
  },
  pending_members: {
    columns: { id: 'pen', kind: 'email', name: 'a@b.example', role: 'member', created_at: 0 },
  },
  invitations: {
    columns: { id: 'inv', hash: 'h', role: 'member', created_by: 'local:1', created_at: 0, expires_at: 0 },
  },
  secret_uses: { columns: { scope: 'global', key: 'K', run_id: 'run', used_at: 0 } },
}

describe('whatever a tenant has ever had', () => {
  test('is in the table of this test: each table of the database that names one', async () => {
    const { db } = await setUp()
    const names = db.$client
      .query<{ name: string }, []>(
        `SELECT DISTINCT t.name FROM sqlite_schema t, pragma_table_info(t.name) c
          WHERE t.type = 'table' AND c.name = 'tenant_id' AND t.name <> 'audit_entries'
         UNION SELECT t.name FROM sqlite_schema t, pragma_foreign_key_list(t.name) f
          WHERE t.type = 'table' AND f."table" = 'tenants'`,
      )
      .all()
    expect(names.map(({ name }) => name)).toEqual(Object.keys(TENANTS_ROWS).toSorted())
  })

  test('is removed with it, or it says what is left and what to do', async () => {
    const { db, tenants, bob } = await setUp()
    for (const [name, { columns, keeps }] of Object.entries(TENANTS_ROWS)) {
      const slug = name.replaceAll('_', '-')
      const { id } = await tenants.add({ slug })
      const row = Object.entries({ tenant_id: id, ...columns })
      const values = row.map(([, value]) => (value === 'BOB' ? bob.id : value))
      const marks = row.map(() => '?').join(', ')
      const of = row.map(([column]) => column).join(', ')
      db.$client.query(`INSERT INTO ${name} (${of}) VALUES (${marks})`).run(...values)
      // No account is without a membership.
      if (name === 'users') await tenants.setMember({ userId: 'usr_z', tenantId: id, role: 'member' })
      const left = () => db.$client.query(`SELECT 1 FROM ${name} WHERE tenant_id = ?`).all(id).length
      if (keeps === undefined) {
        await tenants.remove(slug)
        expect([name, left(), (await fault(tenants.get(slug))).code]).toEqual([name, 0, 'not_found'])
      } else {
        const refused = await fault(tenants.remove(slug))
        expect(refused).toMatchObject({ code: 'conflict', message: expect.stringContaining(keeps) })
        expect(refused.hint ?? '').not.toBe('')
        expect([name, left(), (await tenants.get(slug)).slug]).toEqual([name, 1, slug])
      }
    }
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

/** Scoped tokens in the database: verification, expiry, revocation, limits, last use, and nonces. */
import { afterEach, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { join } from 'node:path'
import { Fault } from '../../../src/contract/fault.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { type Accounts, openAccounts } from '../../../src/server/accounts/accounts.ts'
import { openNonces } from '../../../src/server/accounts/used-signature-nonces.ts'
import { openCliTokens } from '../../../src/server/accounts/scoped-tokens.ts'
import { type Db, openDatabase } from '../../../src/server/db/open-database.ts'
import { cliTokens, memberships, users } from '../../../src/server/db/schema.ts'
import { revokeEverything } from '../../../src/server/administration/revoke-user-access.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

const DAY = 86_400_000

async function setUp() {
  const { db, close } = openDatabase(':memory:')
  closers.push(close)
  const time = { now: Date.parse('2026-01-01T00:00:00Z') }
  const clock = { now: () => time.now, sleep: () => Promise.resolve() }
  const accounts = await openAccounts({
    db,
    clock,
    onCredentialsChanged: (user) => revokeEverything(db, user),
  })
  const ada = await addUser(db, accounts, 'ada@example.com')
  const bob = await addUser(db, accounts, 'bob@example.com')
  return { db, time, accounts, ada, bob, tokens: openCliTokens({ db, clock }) }
}

/** An administrator without a password: hashing one takes longer than everything else here. */
async function addUser(db: Db, accounts: Accounts, email: string) {
  const at = { createdAt: 0, updatedAt: 0 }
  const row = { id: `usr_${email}`, provider: 'local', subject: email, email, organizations: [], groups: [] }
  const tenantId = accounts.defaultTenant().id
  db.insert(users)
    .values({ ...row, ...at, tenantId })
    .run()
  db.insert(memberships).values({ userId: row.id, tenantId, role: 'admin', createdAt: 0 }).run()
  const user = await accounts.byId(row.id)
  if (user === undefined) throw new Error('the user was not added')
  return user
}

type World = Awaited<ReturnType<typeof setUp>>

function make({ tokens, ada }: World, changes: Partial<Parameters<typeof tokens.create>[0]> = {}) {
  return tokens.create({
    tenant: ada.tenant,
    userId: ada.id,
    name: 'CI',
    scopes: ['runs:read', 'pipelines:read'],
    pipelines: null,
    signatureRequired: false,
    expiresIn: null,
    ...changes,
  })
}

const ownerOf = ({ ada }: World) => ({ tenantId: ada.tenant.id, userId: ada.id })
const lastUse = (db: Db, id: string) =>
  db.select().from(cliTokens).where(eq(cliTokens.id, id)).get()?.lastUsedAt

describe('scoped tokens', () => {
  test('S169, S170: a token is verified as what it was made for, and its owner comes with it', async () => {
    const world = await setUp()
    const { value, token } = make(world, { pipelines: ['pip_1'], signatureRequired: true })
    expect(token).toMatchObject({ name: 'CI', scopes: ['runs:read', 'pipelines:read'], pipelines: ['pip_1'] })
    const verified = world.tokens.verify(value.reveal())
    expect(verified).toMatchObject({
      token: {
        id: token.id,
        scopes: ['runs:read', 'pipelines:read'],
        pipelines: ['pip_1'],
        signatureRequired: true,
      },
      user: { id: world.ada.id, email: 'ada@example.com', role: 'admin', tenant: world.ada.tenant },
    })
  })

  test('S171: without an end it is good after years; with one, until then', async () => {
    const world = await setUp()
    const endless = make(world).value.reveal()
    const brief = make(world, { expiresIn: 3600 }).value.reveal()
    world.time.now += 3_599_999
    expect(world.tokens.verify(brief)).toBeDefined()
    world.time.now += 1
    expect(world.tokens.verify(brief)).toBeUndefined()
    world.time.now += 3000 * DAY
    expect(world.tokens.verify(endless)).toBeDefined()
  })

  test('S172: the database holds nothing that could be presented', async () => {
    const world = await setUp()
    const { value } = make(world)
    const rows = JSON.stringify(await world.db.select().from(cliTokens))
    expect(rows).not.toContain(value.reveal())
    expect(rows).not.toContain(value.reveal().slice(3, 20))
  })

  test('a revoked token is gone at once; nobody else can revoke it, or from another tenant', async () => {
    const world = await setUp()
    const { value, token } = make(world)
    const mine = ownerOf(world)
    expect(await world.tokens.revoke({ ...mine, userId: world.bob.id }, token.id)).toBe(false)
    expect(await world.tokens.revoke({ ...mine, tenantId: 'ten_x' }, token.id)).toBe(false)
    expect(world.tokens.verify(value.reveal())).toBeDefined()
    expect(await world.tokens.revoke(mine, token.id)).toBe(true)
    expect(world.tokens.verify(value.reveal())).toBeUndefined()
    expect(await world.tokens.revoke(mine, token.id)).toBe(false)
  })

  test('the list has the own tokens, page by page', async () => {
    const world = await setUp()
    const ids = Array.from({ length: 5 }, () => make(world).token.id)
    make(world, { userId: world.bob.id })
    const first = await world.tokens.list(ownerOf(world), { limit: 3 })
    expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 3))
    const rest = await world.tokens.list(ownerOf(world), { limit: 3, cursor: first.next ?? '' })
    expect(rest).toMatchObject({ next: null })
    expect(rest.items.map(({ id }) => id)).toEqual(ids.slice(3))
  })

  test('one person has at most 500', async () => {
    const world = await setUp()
    for (let i = 0; i < 500; i++) make(world)
    expect(() => make(world)).toThrow(Fault)
    make(world, { userId: world.bob.id })
  })

  test('the last use is noted, and written at most once a minute', async () => {
    const world = await setUp()
    const { value, token } = make(world)
    expect(lastUse(world.db, token.id)).toBeNull()
    const first = world.time.now
    world.tokens.verify(value.reveal())
    expect(lastUse(world.db, token.id)).toBe(first)
    world.time.now += 59_999
    world.tokens.verify(value.reveal())
    expect(lastUse(world.db, token.id)).toBe(first)
    world.time.now += 1
    world.tokens.verify(value.reveal())
    expect(lastUse(world.db, token.id)).toBe(first + 60_000)
  })

  test('a role that changes is what the token has from then on', async () => {
    const world = await setUp()
    const { value } = make(world)
    world.db.update(memberships).set({ role: 'viewer' }).where(eq(memberships.userId, world.ada.id)).run()
    expect(world.tokens.verify(value.reveal())?.user.role).toBe('viewer')
  })

  test('a token ends with the membership in its tenant, with a new password, and with its owner', async () => {
    const world = await setUp()
    const { accounts, bob, db, tokens } = world
    const [left, changed, removed] = [make(world), make(world, { userId: bob.id }), make(world)]
    await accounts.setPassword('bob@example.com', new Secret('another password'))
    expect(tokens.verify(changed.value.reveal())).toBeUndefined()
    db.delete(memberships).where(eq(memberships.userId, world.ada.id)).run()
    expect(tokens.verify(left.value.reveal())).toBeUndefined()
    db.insert(memberships)
      .values({ userId: world.ada.id, tenantId: world.ada.tenant.id, role: 'member', createdAt: 0 })
      .run()
    expect(tokens.verify(removed.value.reveal())).toBeDefined()
    await accounts.remove('ada@example.com')
    expect(tokens.verify(removed.value.reveal())).toBeUndefined()
    expect(await db.select().from(cliTokens)).toEqual([])
  })
})

describe('nonces', () => {
  test('S189: one nonce is good once for each token, also after a restart, until it is too old to come back', async () => {
    const path = join(temporaryFolder(), 'fob.db')
    const reopen = () => {
      const { db, close } = openDatabase(path)
      closers.push(close)
      return openNonces(db)
    }
    const before = reopen()
    expect(before.take('tok_1', 'nonce-1', 1000)).toBe(true)
    expect(before.take('tok_1', 'nonce-1', 1000)).toBe(false)
    expect(before.take('tok_2', 'nonce-1', 1000)).toBe(true)
    closers.pop()?.()
    const after = reopen()
    expect(after.take('tok_1', 'nonce-1', 1000)).toBe(false)
    await after.purge(1000)
    expect(after.take('tok_1', 'nonce-1', 1000)).toBe(false)
    await after.purge(1001)
    expect(after.take('tok_1', 'nonce-1', 2000)).toBe(true)
  })
})

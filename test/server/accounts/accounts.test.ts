/** Local accounts: roles, lookup, passwords, removal with everything issued, and slowed-down guessing. */
import { afterEach, describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/contract/fault.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { type Accounts, openAccounts } from '../../../src/server/accounts/accounts.ts'
import { accountIdOf, type User } from '../../../src/server/accounts/user-types.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { users } from '../../../src/server/db/schema.ts'
import { passwordsAtRealCost } from '../../support/cheap-passwords.ts'

const PASSWORD = new Secret('correct horse battery')
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function setUp() {
  const database = openDatabase(':memory:')
  closers.push(() => database.close())
  const { db } = database
  const time = { now: 1_700_000_000_000 }
  const changed: User[] = []
  const accounts = await openAccounts({
    db,
    clock: { now: () => time.now, sleep: () => Promise.resolve() },
    onCredentialsChanged: async (user) => {
      changed.push(user)
    },
  })
  return { db, time, changed, accounts }
}

const attempt = (accounts: Accounts, email: string, password: string, address = '192.0.2.7') =>
  accounts.verifyPassword({ email, password: new Secret(password), address })

async function fault(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  )
  if (!(error instanceof Fault)) throw new Error('expected a fault')
  return error.code
}

describe('the local accounts', () => {
  test('R16: the first user is an administrator, later ones are members, all in the tenant default', async () => {
    const { accounts } = await setUp()
    const ada = await accounts.addLocal({ email: '  Ada@Example.COM ', password: PASSWORD })
    const bob = await accounts.addLocal({ email: 'bob@example.com', password: PASSWORD, name: 'Bob B.' })
    const eve = await accounts.addLocal({ email: 'eve@example.com', password: PASSWORD, role: 'viewer' })
    expect(ada).toMatchObject({ email: 'ada@example.com', role: 'admin', provider: 'local', nickName: 'ada' })
    expect([bob.role, bob.name, eve.role]).toEqual(['member', 'Bob B.', 'viewer'])
    expect(ada.tenant).toEqual(accounts.defaultTenant())
    expect(accounts.defaultTenant().slug).toBe('default')
    expect((await accounts.list()).map((user) => user.email)).toEqual([
      'ada@example.com',
      'bob@example.com',
      'eve@example.com',
    ])
  })

  test('a subject is random, and a user is found by ID, by e-mail and by subject', async () => {
    const { accounts } = await setUp()
    const ada = await accounts.addLocal({ email: 'ada@example.com', password: PASSWORD })
    expect(ada.subject).toMatch(/^[0-9a-f]{32}$/)
    expect(await accounts.byId(ada.id)).toEqual(ada)
    expect(await accounts.byEmail('ADA@example.com')).toEqual(ada)
    expect(await accounts.bySubject('local', ada.subject)).toEqual(ada)
    expect(await accounts.bySubject('github', ada.subject)).toBeUndefined()
    expect(accountIdOf(ada)).toBe(`local:${ada.subject}`)
  })

  test('an e-mail is looked up among local accounts only: an identity provider can reassign one', async () => {
    const { db, accounts } = await setUp()
    await db.insert(users).values({
      id: 'usr_x',
      provider: 'github',
      subject: '1',
      email: 'ada@example.com',
      tenantId: accounts.defaultTenant().id,
      organizations: [],
      groups: [],
      createdAt: 0,
      updatedAt: 0,
    })
    expect(await accounts.byEmail('ada@example.com')).toBeUndefined()
    expect(await attempt(accounts, 'ada@example.com', '')).toEqual({ kind: 'refused', account: undefined })
  })

  test.each([
    ['not an address', 'ada', 'long enough'],
    ['a blank inside', 'a da@example.com', 'long enough'],
    ['a line break', 'ada@exa\nmple.com', 'long enough'],
    ['two at signs', 'ada@home@example.com', 'long enough'],
    ['too long', `${'a'.repeat(250)}@example.com`, 'long enough'],
    ['a short password', 'ada@example.com', '1234567'],
    ['an endless password', 'ada@example.com', 'x'.repeat(1025)],
  ])('refuses %s', async (_name, email, password) => {
    const { accounts } = await setUp()
    expect(await fault(accounts.addLocal({ email, password: new Secret(password) }))).toBe('usage')
    expect(await accounts.list()).toEqual([])
  })

  test('refuses a second account for one e-mail, in any spelling', async () => {
    const { accounts } = await setUp()
    await accounts.addLocal({ email: 'ada@example.com', password: PASSWORD })
    expect(await fault(accounts.addLocal({ email: 'ADA@example.com', password: PASSWORD }))).toBe('conflict')
  })

  test('a new password replaces the old one and ends what the user was issued', async () => {
    const { accounts, changed } = await setUp()
    const ada = await accounts.addLocal({ email: 'ada@example.com', password: PASSWORD })
    await accounts.setPassword('Ada@example.com', new Secret('another password'))
    expect(changed.map((user) => user.id)).toEqual([ada.id])
    expect((await attempt(accounts, 'ada@example.com', PASSWORD.reveal())).kind).toBe('refused')
    expect((await attempt(accounts, 'ada@example.com', 'another password')).kind).toBe('ok')
  })

  test('a removed user is gone, and what the user was issued is ended first', async () => {
    const { accounts, changed } = await setUp()
    const ada = await accounts.addLocal({ email: 'ada@example.com', password: PASSWORD })
    await accounts.remove('ada@example.com')
    expect(changed.map((user) => user.id)).toEqual([ada.id])
    expect(await accounts.list()).toEqual([])
    expect(await fault(accounts.remove('ada@example.com'))).toBe('not_found')
    expect(await fault(accounts.setPassword('ada@example.com', PASSWORD))).toBe('not_found')
  })

  test('the only administrator stays, and loses nothing, while others are in the tenant', async () => {
    const { accounts, changed } = await setUp()
    const ada = await accounts.addLocal({ email: 'ada@example.com', password: PASSWORD })
    const bob = await accounts.addLocal({ email: 'bob@example.com', password: PASSWORD })
    expect(await fault(accounts.remove('ada@example.com'))).toBe('conflict')
    expect(changed).toEqual([])
    await accounts.remove(bob.id)
    await accounts.remove(ada.id)
    expect(changed.map((user) => user.id)).toEqual([bob.id, ada.id])
    expect(await fault(accounts.remove(ada.id))).toBe('not_found')
  })

  test('a password is kept as argon2id with 64 MiB and three passes, and nowhere else', async () => {
    using _ = passwordsAtRealCost()
    const { db, accounts } = await setUp()
    const ada = await accounts.addLocal({ email: 'ada@example.com', password: PASSWORD })
    const rows = await db.select().from(users)
    expect(rows[0]?.passwordHash).toStartWith('$argon2id$v=19$m=65536,t=3,')
    expect(JSON.stringify([ada, rows])).not.toContain(PASSWORD.reveal())
    expect(JSON.stringify(ada)).not.toContain('argon2id')
  })

  test('opening the accounts twice makes one tenant', async () => {
    const { db, accounts, time } = await setUp()
    const again = await openAccounts({
      db,
      clock: { now: () => time.now, sleep: () => Promise.resolve() },
      onCredentialsChanged: async () => {},
    })
    expect(again.defaultTenant()).toEqual(accounts.defaultTenant())
  })
})

describe('guessing passwords', () => {
  test('a wrong password and an unknown e-mail are one to whoever tries, and cost the same work', async () => {
    using _ = passwordsAtRealCost()
    const { accounts } = await setUp()
    const ada = await accounts.addLocal({ email: 'ada@example.com', password: PASSWORD })
    const timed = async (email: string) => {
      const before = performance.now()
      const answer = await attempt(accounts, email, 'wrong password')
      return { answer, ms: performance.now() - before }
    }
    const known = await timed('ada@example.com')
    const unknown = await timed('nobody@example.com')
    expect(known.answer).toEqual({ kind: 'refused', account: ada })
    expect(unknown.answer).toEqual({ kind: 'refused', account: undefined })
    // An unknown e-mail that skipped the hash would answer in under a millisecond.
    expect(unknown.ms).toBeGreaterThan(20)
  })

  test('after five tries for one account the wait doubles, also for the right password, then is over', async () => {
    const { accounts, time } = await setUp()
    await accounts.addLocal({ email: 'ada@example.com', password: PASSWORD })
    for (let i = 0; i < 5; i++) expect((await attempt(accounts, 'ada@example.com', 'x')).kind).toBe('refused')
    expect(await attempt(accounts, 'ADA@example.com', PASSWORD.reveal())).toEqual({
      kind: 'wait',
      seconds: 1,
    })
    time.now += 1000
    expect((await attempt(accounts, 'ada@example.com', 'x', '198.51.100.1')).kind).toBe('refused')
    expect(await attempt(accounts, 'ada@example.com', 'x')).toEqual({ kind: 'wait', seconds: 2 })
    expect((await attempt(accounts, 'bob@example.com', 'x')).kind).toBe('refused')
    time.now += 2000
    expect((await attempt(accounts, 'ada@example.com', PASSWORD.reveal())).kind).toBe('ok')
    expect((await attempt(accounts, 'ada@example.com', 'x')).kind).toBe('refused')
  })
})

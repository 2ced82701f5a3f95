/** Who becomes a member by logging in for the first time, and who cannot take what was meant for somebody else. */
import { afterAll, describe, expect, test } from 'bun:test'
import { Secret } from '../../../../src/redact/secret.ts'
import { type AccountsDeps, openAccounts } from '../../../../src/server/accounts/accounts.ts'
import { openInvitations } from '../../../../src/server/accounts/membership/invitations.ts'
import { openMembers } from '../../../../src/server/accounts/membership/members.ts'
import { openTenants } from '../../../../src/server/accounts/tenants-and-members.ts'
import type { IdentityProviderProfile } from '../../../../src/server/accounts/user-types.ts'
import { openDatabase } from '../../../../src/server/db/open-database.ts'
import { faultOf } from '../../../support/fault-of.ts'
import { manualClock } from '../../../support/manual-clock.ts'

const closers: (() => void)[] = []
afterAll(() => {
  for (const close of closers) close()
})

const DAY = 86_400_000

type Profile = Partial<IdentityProviderProfile> & { subject: string }

async function setUp(options: Partial<AccountsDeps> = {}) {
  const { db, close } = openDatabase(':memory:')
  closers.push(close)
  const clock = manualClock()
  const told: string[] = []
  const accounts = await openAccounts({
    db,
    clock,
    onCredentialsChanged: async () => {},
    onMember: ({ user, tenantId, role, by }) =>
      void told.push(`${user.provider}:${user.subject} ${tenantId} ${role} ${by}`),
    ...options,
  })
  const tenants = openTenants({ db, clock })
  const acme = await tenants.add({ slug: 'acme' })
  const members = openMembers({ db, clock, accounts, tenants })
  const invitations = openInvitations({ db, clock })
  const arrive = async (profile: Profile, invitation?: string) => {
    const known = { provider: 'github', email: null, name: null, nickName: null, avatarUrl: null }
    const signedIn = await accounts.signInWithIdentityProvider(
      { ...known, organizations: [], groups: [], ...profile },
      invitation,
    )
    if (signedIn.kind !== 'ok') return signedIn.kind
    const all = await tenants.membershipsOf(signedIn.user.id)
    return all.map(({ tenant, role }) => `${tenant.slug} ${role}`).join(', ')
  }
  const add = (who: string, role: 'admin' | 'member' | 'viewer' = 'member', tenantId = acme.id) =>
    members.set({ who, tenantId, role })
  const people = async () => (await accounts.list()).length
  return { db, clock, accounts, tenants, acme, members, invitations, arrive, add, people, told }
}

const alone = { defaultRole: 'none' } as const

describe('--default-role', () => {
  test.each([
    ['none', 'not_a_member', 0],
    ['viewer', 'default viewer', 1],
    ['member', 'default member', 1],
  ] as const)('%s: somebody who logs in is %s', async (defaultRole, outcome, stored) => {
    const { arrive, people } = await setUp({ defaultRole })
    expect(await arrive({ subject: '1' })).toBe(outcome)
    expect(await people()).toBe(stored)
  })

  test('does not change what somebody is who is known already', async () => {
    const { db, clock, arrive } = await setUp({ defaultRole: 'member' })
    await arrive({ subject: '1' })
    const stricter = await openAccounts({ db, clock, onCredentialsChanged: async () => {}, ...alone })
    const again = { provider: 'github', subject: '1', email: null, name: null, nickName: null }
    const signedIn = await stricter.signInWithIdentityProvider({
      ...again,
      avatarUrl: null,
      organizations: [],
      groups: [],
    })
    expect(signedIn).toMatchObject({ kind: 'ok', user: { role: 'member' } })
  })

  test('none lets in whom --admin names, while there is no administrator, and nobody else', async () => {
    const named = { kind: 'account', provider: 'github', subject: '7' } as const
    const { arrive } = await setUp({ ...alone, administrator: { named, onMade: () => {} } })
    expect(await arrive({ subject: '1' })).toBe('not_a_member')
    expect(await arrive({ subject: '7' })).toBe('default admin')
  })
})

describe('a name that a known account had long ago', () => {
  test.each([
    ['octocat', { nickName: 'octocat' }, 14],
    ['github:octocat', { nickName: 'octocat' }, 14],
    ['octo@corp.example', { email: 'octo@corp.example' }, 90],
  ])('%s waits for whoever logs in by it, and a member stays one', async (who, named, days) => {
    const { add, arrive, clock } = await setUp()
    await arrive({ subject: '1', ...named })
    await clock.advance(days * DAY)
    expect(await add(who, 'viewer')).toMatchObject({ kind: 'member' })
    await clock.advance(1)
    expect(await add(who, 'admin')).toMatchObject({ kind: 'member', user: { subject: '1' } })
    await arrive({ subject: '2', nickName: 'hubot', email: 'bot@corp.example' })
    await clock.advance(days * DAY + 1)
    const other = who.includes('@') ? 'bot@corp.example' : who.replace('octocat', 'hubot')
    expect(await add(other)).toMatchObject({ kind: 'pending' })
    expect(await arrive({ subject: '2', nickName: 'hubot', email: 'bot@corp.example' })).toContain(
      'acme member',
    )
  })
})

const admits: NonNullable<AccountsDeps['admits']> = ({ email }) => email?.endsWith('@corp.example') === true

describe('a person whom the rule refuses', () => {
  test('is not stored, and is not a member', async () => {
    const { arrive, people, told } = await setUp({ admits })
    expect(await arrive({ subject: '1', email: 'eve@evil.example' })).toBe('not_admitted')
    expect([await people(), told]).toEqual([0, []])
  })

  test('uses up nothing that was written down for them: it counts once the rule lets them in', async () => {
    const { add, arrive, members, acme } = await setUp({ admits })
    await add('github:octocat')
    expect(await arrive({ subject: '1', nickName: 'octocat' })).toBe('not_admitted')
    expect(members.pending(acme.id)).toHaveLength(1)
    const later = { subject: '1', nickName: 'octocat', email: 'octo@corp.example' }
    expect(await arrive(later)).toBe('acme member, default member')
  })

  test('stays what they were if they are known: the rule is asked again at every request', async () => {
    let isOpen = true
    const { arrive } = await setUp({ admits: () => isOpen })
    expect(await arrive({ subject: '1' })).toBe('default member')
    isOpen = false
    expect(await arrive({ subject: '1' })).toBe('default member')
  })
})

describe('a membership that is written down before the first login', () => {
  test.each([
    ['alice@corp.example', { subject: '1', email: 'Alice@Corp.example' }],
    ['github:alice@corp.example', { subject: '1', email: 'alice@corp.example' }],
    ['github:octocat', { subject: '1', nickName: 'OctoCat' }],
    ['github:@octocat', { subject: '1', nickName: 'octocat' }],
    ['github:583231', { subject: '583231' }],
    ['microsoft:AbC-_1', { provider: 'microsoft', subject: 'AbC-_1' }],
  ])('%s counts for that person, once, and is told', async (who, profile) => {
    const { add, arrive, members, acme, told } = await setUp(alone)
    expect(await add(who, 'viewer')).toMatchObject({ kind: 'pending' })
    expect(members.pending(acme.id)).toHaveLength(1)
    expect(await arrive(profile)).toBe('acme viewer')
    expect(members.pending(acme.id)).toEqual([])
    expect(told).toEqual([expect.stringContaining('viewer pending')])
  })

  test.each([
    ['an e-mail that the provider has not verified', 'alice@corp.example', { subject: '1' }],
    [
      'another provider with the e-mail',
      'github:alice@corp.example',
      { provider: 'gitlab', subject: '1', email: 'alice@corp.example' },
    ],
    [
      'another provider with the login',
      'github:octocat',
      { provider: 'gitlab', subject: '1', nickName: 'octocat' },
    ],
    ['a login that looks like the ID', 'github:583231', { subject: '1', nickName: '583231' }],
    ['another provider with the ID', 'github:583231', { provider: 'gitlab', subject: '583231' }],
    [
      'a name that Microsoft lets anybody set',
      'alice@corp.example',
      { provider: 'microsoft', subject: '1', nickName: 'alice@corp.example' },
    ],
  ])('does not count for %s', async (_what, who, profile) => {
    const { add, arrive } = await setUp(alone)
    await add(who)
    expect(await arrive(profile)).toBe('not_a_member')
  })

  test('by a login ends after two weeks, as the login may be somebody else’s by then; an ID never does', async () => {
    const { add, arrive, clock } = await setUp(alone)
    await add('github:octocat')
    await add('github:583231')
    await clock.advance(14 * DAY)
    expect(await arrive({ subject: '2', nickName: 'octocat' })).toBe('not_a_member')
    expect(await arrive({ subject: '583231', nickName: 'renamed' })).toBe('acme member')
  })

  test('by an e-mail ends after 90 days, and starts anew when it is written down again', async () => {
    const { add, arrive, clock, members, acme } = await setUp(alone)
    await add('alice@corp.example')
    await clock.advance(89 * DAY)
    await add('alice@corp.example', 'admin')
    expect(members.pending(acme.id)).toMatchObject([{ role: 'admin' }])
    await clock.advance(89 * DAY)
    expect(await arrive({ subject: '1', email: 'alice@corp.example' })).toBe('acme admin')
  })

  test('counts once: whoever has the login or the e-mail afterwards gets nothing', async () => {
    const { add, arrive } = await setUp(alone)
    await add('github:octocat')
    await add('alice@corp.example')
    await arrive({ subject: '1', nickName: 'octocat', email: 'alice@corp.example' })
    expect(await arrive({ subject: '2', nickName: 'octocat' })).toBe('not_a_member')
    const claim = { provider: 'gitlab', subject: '2', email: 'alice@corp.example' }
    expect(await arrive(claim)).toBe('not_a_member')
  })

  test('stays with the account, whatever it is called later', async () => {
    const { add, arrive } = await setUp(alone)
    await add('github:octocat')
    await arrive({ subject: '1', nickName: 'octocat' })
    expect(await arrive({ subject: '1', nickName: 'renamed' })).toBe('acme member')
  })

  test('does not count by an e-mail that two accounts have', async () => {
    const { add, arrive, accounts, members, acme } = await setUp()
    await add('alice@corp.example')
    await accounts.addLocal({ email: 'alice@corp.example', password: new Secret('correct horse') })
    const claim = { provider: 'gitlab', subject: '2', email: 'alice@corp.example' }
    expect(await arrive(claim)).toBe('default member')
    expect(members.pending(acme.id)).toHaveLength(1)
  })

  test('counts for a local account of that e-mail, when it logs in with its password', async () => {
    const { add, accounts, tenants } = await setUp()
    await add('alice@corp.example', 'viewer')
    const password = new Secret('correct horse')
    const { id } = await accounts.addLocal({ email: 'alice@corp.example', password })
    expect(await tenants.membershipsOf(id)).toHaveLength(1)
    await accounts.verifyPassword({ email: 'alice@corp.example', password, address: '192.0.2.1' })
    expect(await tenants.membership(id, 'acme')).toMatchObject({ role: 'viewer' })
  })

  test('does not change a role that somebody has already', async () => {
    const { add, arrive, accounts, acme, tenants } = await setUp()
    await add('alice@corp.example', 'admin')
    await arrive({ subject: '1' })
    const user = await accounts.bySubject('github', '1')
    await tenants.setMember({ userId: user?.id ?? '', tenantId: acme.id, role: 'viewer' })
    const now = { subject: '1', email: 'alice@corp.example' }
    expect(await arrive(now)).toBe('acme viewer, default member')
  })

  test('is listed as such, and can be removed by its name or its ID', async () => {
    const { add, arrive, members, acme } = await setUp(alone)
    await add('github:octocat')
    await add('Alice@Corp.example')
    const names = members.pending(acme.id).map(({ name }) => name)
    expect(names).toEqual(['github:octocat', 'alice@corp.example'])
    const [first] = members.pending(acme.id)
    await members.remove({ who: first?.id ?? '', tenantId: acme.id })
    await members.remove({ who: 'alice@corp.example', tenantId: acme.id })
    expect(await arrive({ subject: '1', nickName: 'octocat', email: 'alice@corp.example' })).toBe(
      'not_a_member',
    )
    expect(await faultOf(members.remove({ who: 'github:octocat', tenantId: acme.id }))).toMatchObject({
      code: 'not_found',
    })
  })

  test('is kept apart by tenant', async () => {
    const { add, members, accounts, acme } = await setUp(alone)
    await add('github:octocat')
    const [pending] = members.pending(acme.id)
    const tenantId = accounts.defaultTenant().id
    for (const who of ['github:octocat', pending?.id ?? '']) {
      expect(await faultOf(members.remove({ who, tenantId }))).toMatchObject({ code: 'not_found' })
    }
    expect(members.pending(acme.id)).toHaveLength(1)
  })
})

describe('the name of somebody who is known', () => {
  test.each([
    ['alice@corp.example'],
    ['ALICE@corp.example'],
    ['github:alice@corp.example'],
    ['github:octocat'],
    ['OctoCat'],
    ['github:1'],
  ])('%s makes them a member at once', async (who) => {
    const { add, arrive } = await setUp()
    await arrive({ subject: '1', nickName: 'Octocat', email: 'alice@corp.example' })
    expect(await add(who, 'viewer')).toMatchObject({ kind: 'member', user: { subject: '1' } })
    expect(await arrive({ subject: '1' })).toBe('acme viewer, default member')
  })

  test.each([['alice@corp.example'], ['octocat']])(
    '%s that fits two is refused, and both are listed',
    async (who) => {
      const { add, arrive, accounts } = await setUp()
      for (const provider of ['github', 'gitlab']) {
        await arrive({ provider, subject: '1', nickName: 'octocat', email: 'alice@corp.example' })
      }
      const [first, second] = await accounts.list()
      expect(await faultOf(add(who))).toMatchObject({
        code: 'usage',
        message: `${who} could be more than one person`,
        hint: `name one of them by ID: ${first?.id} (github octocat), ${second?.id} (gitlab octocat)`,
      })
      expect(await add('gitlab:octocat')).toMatchObject({ user: { id: second?.id } })
      expect(await add(first?.id ?? '')).toMatchObject({ user: { id: first?.id } })
    },
  )

  test.each([['octocat'], ['local:0123'], ['usr_nobody']])('%s that nobody has is refused', async (who) => {
    const { add } = await setUp()
    expect(await faultOf(add(who))).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('there is no user'),
    })
  })

  test.each([[''], ['a b'], ['gitea:1'], ['github:'], ['a@b@c'], ['x'.repeat(321)]])(
    'a name is refused that names nobody: %#',
    async (who) => {
      const { add } = await setUp()
      expect(await faultOf(add(who))).toMatchObject({ code: 'usage' })
    },
  )
})

describe('removing somebody from a tenant', () => {
  test('from their only one removes the account of a provider, and keeps a local one', async () => {
    const { add, arrive, members, acme, people, accounts } = await setUp(alone)
    await add('github:octocat', 'admin')
    await add('github:2')
    await arrive({ subject: '1', nickName: 'octocat' })
    await arrive({ subject: '2' })
    expect(await members.remove({ who: 'github:2', tenantId: acme.id })).toMatchObject({ kind: 'account' })
    expect(await people()).toBe(1)
    const local = { email: 'bob@corp.example', password: new Secret('correct horse'), tenant: acme }
    await accounts.addLocal({ ...local, role: 'member' })
    const kept = await faultOf(members.remove({ who: 'bob@corp.example', tenantId: acme.id }))
    expect(kept).toMatchObject({ code: 'conflict', message: 'that is the only tenant of a user' })
  })

  test('never leaves it without an administrator', async () => {
    const { add, arrive, members, acme, people } = await setUp(alone)
    await add('github:octocat', 'admin')
    await arrive({ subject: '1', nickName: 'octocat' })
    const refused = await faultOf(members.remove({ who: 'github:octocat', tenantId: acme.id }))
    expect(refused).toMatchObject({ code: 'conflict' })
    expect(await people()).toBe(1)
  })
})

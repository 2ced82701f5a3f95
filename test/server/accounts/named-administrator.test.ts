/** The person whom `--admin` names: who becomes administrator, and when nobody does. */
import { afterAll, describe, expect, test } from 'bun:test'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { openAccounts } from '../../../src/server/accounts/accounts.ts'
import type { NamedAdministrator } from '../../../src/server/accounts/named-administrator.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { readSettings } from '../../../src/server/settings/settings.ts'

const closers: (() => void)[] = []
afterAll(() => {
  for (const close of closers) close()
})

async function accountsWith(named: NamedAdministrator) {
  const database = openDatabase(':memory:')
  closers.push(() => database.close())
  const made: string[] = []
  const accounts = await openAccounts({
    db: database.db,
    clock: systemClock,
    onCredentialsChanged: async () => {},
    administrator: { named, onMade: ({ subject }) => void made.push(subject) },
  })
  const login = async (subject: string, email: string | null = null) => {
    const signedIn = await accounts.signInWithIdentityProvider({
      provider: 'github',
      subject,
      email,
      name: null,
      nickName: null,
      avatarUrl: null,
      organizations: [],
      groups: [],
    })
    return signedIn.kind === 'ok' ? signedIn.user.role : signedIn.kind
  }
  return { accounts, login, made }
}

const read = (flags: Record<string, string>, env: Record<string, string> = {}, file?: unknown) =>
  readSettings({ flags, env, file }).administrator

describe('--admin', () => {
  test('github:ID makes that person administrator at the first login, and nobody else', async () => {
    const { login, made } = await accountsWith({ kind: 'account', provider: 'github', subject: '583231' })
    expect(await login('1')).toBe('member')
    expect(await login('583231')).toBe('admin')
    expect(await login('583231')).toBe('admin')
    expect(made).toEqual(['583231'])
  })

  test('an e-mail does the same for one that the provider has verified, however it is spelled', async () => {
    const { login } = await accountsWith({ kind: 'email', email: 'Ada@Example.com' })
    expect(await login('1', null)).toBe('member')
    expect(await login('2', 'ada@example.com')).toBe('admin')
  })

  test('an e-mail that somebody else has later makes no second administrator', async () => {
    const { login } = await accountsWith({ kind: 'email', email: 'ada@example.com' })
    expect(await login('2', 'ada@example.com')).toBe('admin')
    expect(await login('3', 'ada@example.com')).toBe('member')
  })

  test('a local account becomes administrator when it logs in with its password', async () => {
    const { accounts } = await accountsWith({ kind: 'email', email: 'ada@example.com' })
    const password = new Secret('correct horse')
    await accounts.addLocal({ email: 'ada@example.com', password, role: 'viewer' })
    const login = await accounts.verifyPassword({ email: 'ada@example.com', password, address: '192.0.2.7' })
    expect(login).toMatchObject({ kind: 'ok', user: { role: 'admin' } })
  })

  test('is read from a flag, a variable and the file, and refused in any other form', () => {
    const oauth = {
      'local-accounts': 'true',
      'oauth-session-secret': 'a-session-secret-of-32-bytes-or-more',
      'oauth-callback-url': 'https://ci.example.com',
    }
    const github = { kind: 'account', provider: 'github', subject: '583231' } as const
    expect(read({ ...oauth, admin: 'github:583231' })).toEqual(github)
    expect(read(oauth, { FOB_ADMIN: 'a@b.example' })).toEqual({ kind: 'email', email: 'a@b.example' })
    expect(read(oauth, {}, { admin: 'github:583231' })).toEqual(github)
    for (const admin of ['ada', 'gitea:1', 'github:', '@x', 'github:1 2']) {
      expect(() => read({ ...oauth, admin })).toThrow('--admin takes an e-mail or github|')
    }
    expect(() => read({ admin: 'github:1' })).toThrow('nobody logs in to this server')
  })
})

const roleOf = (...[flags, env = {}, file]: Parameters<typeof read>) =>
  readSettings({ flags, env, file }).defaultRole

describe('--default-role', () => {
  test('is read from a flag, a variable and the file, and is none, viewer or member', () => {
    const oauth = {
      'local-accounts': 'true',
      'oauth-session-secret': 'a-session-secret-of-32-bytes-or-more',
      'oauth-callback-url': 'https://ci.example.com',
    }
    expect(roleOf({ ...oauth, 'default-role': 'none' })).toBe('none')
    expect(roleOf(oauth, { FOB_DEFAULT_ROLE: 'viewer' })).toBe('viewer')
    expect(roleOf(oauth, {}, { default_role: 'member' })).toBe('member')
    expect(roleOf(oauth)).toBeUndefined()
    expect(() => roleOf({ ...oauth, 'default-role': 'admin' })).toThrow(
      '--default-role takes none, viewer or member, not admin',
    )
    expect(() => roleOf({ 'default-role': 'none' })).toThrow('nobody logs in to this server')
  })
})

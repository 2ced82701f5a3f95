import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../src/contract/fault.ts'
import { readSettings } from '../../src/server/settings.ts'
import { temporaryFolder } from '../support/temporary.ts'

const SESSION = 'a-session-secret-of-32-bytes-or-more'
const oauth = {
  'local-accounts': 'true',
  'oauth-session-secret': SESSION,
  'oauth-callback-url': 'https://ci.example.com',
}
const basic = { 'basic-auth-username': 'admin', 'basic-auth-password': 'secret123' }

const read = (flags: Record<string, string> = {}, env: Record<string, string> = {}, file?: unknown) =>
  readSettings({ flags, env, file })

describe('the strategy', () => {
  test('S3: with nothing set the server is open, on loopback', () => {
    const settings = read()
    expect(settings.strategy.kind).toBe('open')
    expect(settings.listen).toEqual({ hostname: '127.0.0.1', port: 8080 })
  })

  test('S4, S5: the two flags of Basic', () => {
    expect(read(basic).strategy).toMatchObject({ kind: 'basic', username: 'admin' })
  })

  test.each(['FOB_', 'CI_'])('S6: the variables of Basic, spelled %s', (prefix) => {
    const env = { [`${prefix}BASIC_AUTH_USERNAME`]: 'u', [`${prefix}BASIC_AUTH_PASSWORD`]: 'p' }
    const { strategy } = read({}, env)
    expect(strategy).toMatchObject({ kind: 'basic', username: 'u' })
    expect(strategy.kind === 'basic' && strategy.password.reveal()).toBe('p')
  })

  test('R1: FOB_ comes before CI_, and a flag before both', () => {
    const env = { FOB_BASIC_AUTH_USERNAME: 'fob', CI_BASIC_AUTH_USERNAME: 'ci', CI_BASIC_AUTH_PASSWORD: 'p' }
    expect(read({}, env).strategy).toMatchObject({ username: 'fob' })
    expect(read({ 'basic-auth-username': 'flag' }, env).strategy).toMatchObject({ username: 'flag' })
  })

  test('R16: local accounts are a provider', () => {
    expect(read(oauth).strategy).toMatchObject({
      kind: 'oauth',
      localAccounts: true,
      callbackUrl: 'https://ci.example.com',
    })
  })

  test('S26: OAuth from variables alone', () => {
    const env = {
      CI_LOCAL_ACCOUNTS: 'true',
      CI_OAUTH_SESSION_SECRET: SESSION,
      CI_OAUTH_CALLBACK_URL: 'https://ci.example.com/',
    }
    expect(read({}, env).strategy).toMatchObject({ kind: 'oauth', callbackUrl: 'https://ci.example.com' })
  })
})

describe('what does not start', () => {
  test.each<[string, Record<string, string>, string[]]>([
    ['S2: Basic with OAuth', { ...basic, ...oauth }, ['--basic-auth-username', '--local-accounts']],
    [
      'S2: Basic with a vendor',
      { ...basic, 'oauth-github-client-id': 'i', 'oauth-github-client-secret': 's' },
      ['--basic-auth-username', '--oauth-github-client-id'],
    ],
    [
      'S17: half of Basic',
      { 'basic-auth-username': 'u' },
      ['--basic-auth-username', '--basic-auth-password'],
    ],
    [
      'S17: half of a vendor',
      { ...oauth, 'oauth-gitlab-client-secret': 's' },
      ['--oauth-gitlab-client-secret', '--oauth-gitlab-client-id'],
    ],
    [
      'S21: no session secret',
      { 'local-accounts': 'true', 'oauth-callback-url': 'https://x' },
      ['--oauth-session-secret'],
    ],
    [
      'S21: no callback URL',
      { 'local-accounts': 'true', 'oauth-session-secret': SESSION },
      ['--oauth-callback-url'],
    ],
    ['S19: a short session secret', { ...oauth, 'oauth-session-secret': 'short' }, ['shorter than 32']],
    [
      'S20: a callback URL with a path',
      { ...oauth, 'oauth-callback-url': 'https://x/auth' },
      ['without a path'],
    ],
    [
      'S20: a callback URL with credentials',
      { ...oauth, 'oauth-callback-url': 'https://u:p@x' },
      ['without a path'],
    ],
    ['a callback URL that is none', { ...oauth, 'oauth-callback-url': 'ci.example.com' }, ['without a path']],
    ['open beyond loopback', { listen: '0.0.0.0:8080' }, ['loopback only']],
    [
      'open beyond loopback, by a name that begins like one',
      { listen: '127.evil.example:80' },
      ['loopback only'],
    ],
    ['a colon in the user name', { ...basic, 'basic-auth-username': 'a:b' }, ['":"']],
    ['a port that is none', { listen: '127.0.0.1:99999' }, ['HOST:PORT']],
    ['a secret and its file', { ...basic, 'basic-auth-password-file': '/x' }, ['both set']],
    [
      'a file that is not there',
      { 'basic-auth-username': 'u', 'basic-auth-password-file': '/nonexistent' },
      ['cannot read /nonexistent'],
    ],
  ])('%s', (_name, flags, words) => {
    let fault: unknown
    try {
      read(flags)
    } catch (error) {
      fault = error
    }
    expect(fault).toBeInstanceOf(Fault)
    expect((fault as Fault).code).toBe('config')
    for (const word of words) expect((fault as Fault).message).toContain(word)
    expect((fault as Fault).message).not.toContain('secret123')
  })
})

test('open beyond loopback starts when told so', () => {
  expect(read({ listen: '0.0.0.0:8080', 'open-to-network': 'true' }).strategy.kind).toBe('open')
})

test('a secret can come from a file, whose line end is cut', () => {
  const path = join(temporaryFolder(), 'password')
  writeFileSync(path, 'from-file\n')
  const { strategy } = read({ 'basic-auth-username': 'u' }, { FOB_BASIC_AUTH_PASSWORD_FILE: path })
  expect(strategy.kind === 'basic' && strategy.password.reveal()).toBe('from-file')
})

test('the settings file may nest its keys, and a misspelt one is refused', () => {
  const file = { local_accounts: true, oauth: { session_secret: SESSION, 'callback-url': 'https://x' } }
  expect(read({}, {}, file).strategy.kind).toBe('oauth')
  expect(() => read({}, {}, { oauth: { sesion_secret: 'x' } })).toThrow('unknown key "oauth-sesion-secret"')
})

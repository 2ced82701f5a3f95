/** The server's settings: strategies, token lifetimes, identity providers, drivers, and refused combinations. */
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../../src/contract/fault.ts'
import { privateFiles } from '../../../src/server/settings/setting-values.ts'
import { readSettings } from '../../../src/server/settings/settings.ts'
import { temporaryFolder } from '../../support/temporary.ts'

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

const lifetimes = (flags: Record<string, string>, file?: unknown) => {
  const { strategy } = read({ ...oauth, ...flags }, {}, file)
  return strategy.kind === 'oauth' ? strategy.lifetimes : undefined
}

describe('R6: how long tokens live', () => {
  const usual = { accessTokenWithRefresh: 3600, accessTokenAlone: 30 * 86_400, refreshToken: 30 * 86_400 }

  test('an hour with a refresh token, 30 days alone, unless the settings say otherwise', () => {
    expect(lifetimes({})).toEqual(usual)
    expect(lifetimes({ 'oauth-access-token-ttl': '15m' })).toEqual({ ...usual, accessTokenWithRefresh: 900 })
    const file = { oauth: { access_token_alone_ttl: '12h', refresh_token_ttl: '7d' } }
    expect(lifetimes({}, file)).toEqual({ ...usual, accessTokenAlone: 43_200, refreshToken: 7 * 86_400 })
  })

  test.each([
    ['oauth-access-token-ttl', '30s'],
    ['oauth-access-token-ttl', '0m'],
    ['oauth-access-token-ttl', '25h'],
    ['oauth-access-token-ttl', '3600'],
    ['oauth-access-token-ttl', 'forever'],
    ['oauth-access-token-alone-ttl', '366d'],
    ['oauth-access-token-alone-ttl', '-1d'],
    ['oauth-refresh-token-ttl', '59m'],
    ['oauth-refresh-token-ttl', '366d'],
  ])('--%s cannot be %s', (name, value) => {
    expect(() => lifetimes({ [name]: value })).toThrow(`--${name} takes a time from`)
  })

  test.each([
    ['oauth-access-token-ttl', '45m or 12h'],
    ['oauth-access-token-alone-ttl', '45m or 12h or 30d'],
    ['oauth-refresh-token-ttl', '12h or 30d'],
  ])('--%s is refused with examples that would do: %s', (name, examples) => {
    expect(() => lifetimes({ [name]: '999d' })).toThrow(`such as ${examples}, not 999d`)
  })

  test('a refresh token outlives its access token, and neither is of a server without OAuth', () => {
    const flags = { 'oauth-access-token-ttl': '12h', 'oauth-refresh-token-ttl': '6h' }
    expect(() => lifetimes(flags)).toThrow(
      '--oauth-refresh-token-ttl is shorter than --oauth-access-token-ttl',
    )
    expect(() => read({ 'oauth-access-token-ttl': '1h' })).toThrow('--oauth-access-token-ttl is set, but')
    expect(() => lifetimes({ 'oauth-refresh-token-ttl': '' })).toThrow(
      '--oauth-refresh-token-ttl is set, but empty',
    )
  })
})

const pair = (name: string) => ({
  [`oauth-${name}-client-id`]: `${name}-id`,
  [`oauth-${name}-client-secret`]: `${name}-secret`,
})

const identityProviders = (flags: Record<string, string>, env: Record<string, string> = {}) => {
  const { strategy } = read(flags, env)
  if (strategy.kind !== 'oauth') throw new Error(strategy.kind)
  return strategy.identityProviders
}

describe('the identity providers', () => {
  const base = { 'oauth-session-secret': SESSION, 'oauth-callback-url': 'https://ci.example.com' }

  test.each([
    ['S12', 'github', 'https://github.com'],
    ['S13', 'gitlab', 'https://gitlab.com'],
    ['S15', 'microsoft', 'https://login.microsoftonline.com'],
  ] as const)('%s: --oauth-%s-client-id and its secret enable it', (_row, name, url) => {
    const set = identityProviders({ ...base, ...pair(name) })
    expect(Object.keys(set)).toEqual([name])
    expect(set[name]).toMatchObject({ clientId: `${name}-id`, url })
    expect(set[name]?.clientSecret.reveal()).toBe(`${name}-secret`)
  })

  test('S18 R16: several together, beside accounts of the server', () => {
    const flags = {
      ...base,
      ...pair('github'),
      ...pair('gitlab'),
      ...pair('microsoft'),
      'local-accounts': 'true',
    }
    expect(Object.keys(identityProviders(flags))).toEqual(['github', 'gitlab', 'microsoft'])
    expect(read(flags).strategy).toMatchObject({ localAccounts: true })
    expect(read({ ...base, ...pair('github') }).strategy).toMatchObject({ localAccounts: false })
  })

  test('S14: --oauth-gitlab-url points to a GitLab of one’s own, a path included', () => {
    const flags = { ...base, ...pair('gitlab'), 'oauth-gitlab-url': 'https://company.com/gitlab/' }
    expect(identityProviders(flags).gitlab?.url).toBe('https://company.com/gitlab')
  })

  test('S16: --oauth-microsoft-tenant; without it, anybody with a Microsoft account', () => {
    const flags = { ...base, ...pair('microsoft') }
    expect(identityProviders(flags).microsoft?.tenant).toBe('common')
    const one = { ...flags, 'oauth-microsoft-tenant': 'contoso.onmicrosoft.com' }
    expect(identityProviders(one).microsoft?.tenant).toBe('contoso.onmicrosoft.com')
  })

  test.each(['CI_', 'FOB_'])('S25 S26: all of it from %s variables alone', (prefix) => {
    const env = Object.fromEntries(
      Object.entries({
        OAUTH_GITHUB_CLIENT_ID: 'a',
        OAUTH_GITHUB_CLIENT_SECRET: 'b',
        OAUTH_GITLAB_CLIENT_ID: 'c',
        OAUTH_GITLAB_CLIENT_SECRET: 'd',
        OAUTH_GITLAB_URL: 'https://gitlab.company.com',
        OAUTH_MICROSOFT_CLIENT_ID: 'e',
        OAUTH_MICROSOFT_CLIENT_SECRET: 'f',
        OAUTH_MICROSOFT_TENANT: 'contoso.com',
        OAUTH_SESSION_SECRET: SESSION,
        OAUTH_CALLBACK_URL: 'https://ci.example.com',
      }).map(([name, value]) => [prefix + name, value]),
    )
    expect(identityProviders({}, env)).toMatchObject({
      github: { clientId: 'a' },
      gitlab: { clientId: 'c', url: 'https://gitlab.company.com' },
      microsoft: { clientId: 'e', tenant: 'contoso.com' },
    })
  })

  test.each<[string, Record<string, string>, string]>([
    [
      'S17: half of the second identity provider',
      { ...pair('github'), 'oauth-gitlab-client-id': 'x' },
      '--oauth-gitlab-client-secret',
    ],
    ['S21: no session secret', { 'oauth-session-secret': '' }, '--oauth-session-secret'],
    ['S21: no callback URL', { 'oauth-callback-url': '' }, '--oauth-callback-url'],
    [
      'plain http to another machine',
      { 'oauth-github-url': 'http://github.company.com' },
      '--oauth-github-url',
    ],
    [
      'credentials in the address',
      { 'oauth-github-url': 'https://u:p@github.company.com' },
      '--oauth-github-url',
    ],
    ['a query in the address', { 'oauth-github-url': 'https://github.company.com/?x' }, '--oauth-github-url'],
    ['an address that is none', { 'oauth-github-url': 'github.company.com' }, '--oauth-github-url'],
    [
      'a tenant that would be a path',
      { ...pair('microsoft'), 'oauth-microsoft-tenant': '../common' },
      '--oauth-microsoft-tenant',
    ],
    [
      'another cloud without a tenant',
      { ...pair('microsoft'), 'oauth-microsoft-url': 'https://login.microsoftonline.us' },
      '--oauth-microsoft-tenant',
    ],
  ])('%s does not start', (_name, change, named) => {
    expect(() => read({ ...base, ...pair('github'), ...change })).toThrow(named)
  })
})

describe('what does not start', () => {
  test.each<[string, Record<string, string>, string[]]>([
    ['S2: Basic with OAuth', { ...basic, ...oauth }, ['--basic-auth-username', '--local-accounts']],
    [
      'S2: Basic with an identity provider',
      { ...basic, 'oauth-github-client-id': 'i', 'oauth-github-client-secret': 's' },
      ['--basic-auth-username', '--oauth-github-client-id'],
    ],
    [
      'S17: half of Basic',
      { 'basic-auth-username': 'u' },
      ['--basic-auth-username', '--basic-auth-password'],
    ],
    [
      'S17: half of an identity provider',
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
    [
      'plain http beyond this machine',
      { ...oauth, 'oauth-callback-url': 'http://ci.example.com:8080' },
      ['https address, or http on loopback'],
    ],
    [
      'plain http to a name that begins like this machine',
      { ...oauth, 'oauth-callback-url': 'http://127.0.0.1.example.com' },
      ['https address, or http on loopback'],
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

test.each(['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080', 'https://10.0.0.1'])(
  'S20: %s is a callback URL',
  (url) => {
    const { strategy } = read({ ...oauth, 'oauth-callback-url': url })
    expect(strategy.kind === 'oauth' && strategy.callbackUrl).toBe(url)
  },
)

test('open beyond loopback starts when told so', () => {
  expect(read({ listen: '0.0.0.0:8080', 'open-to-network': 'true' }).strategy.kind).toBe('open')
})

test('a secret can come from a file, whose line end is cut', () => {
  const path = join(temporaryFolder(), 'password')
  writeFileSync(path, 'from-file\n')
  const { strategy } = read({ 'basic-auth-username': 'u' }, { FOB_BASIC_AUTH_PASSWORD_FILE: path })
  expect(strategy.kind === 'basic' && strategy.password.reveal()).toBe('from-file')
})

test('a relative path in the settings file is from the folder of that file, elsewhere it stays as it is', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'session-secret'), SESSION)
  const file = {
    data: 'real',
    oauth: { 'session-secret-file': 'session-secret', 'callback-url': oauth['oauth-callback-url'] },
    'local-accounts': true,
  }
  const filePath = join(folder, 'fob.toml')
  const settings = readSettings({ flags: {}, env: {}, file, filePath })
  expect(settings.dataDir).toBe(join(folder, 'real'))
  expect(settings.strategy.kind === 'oauth' && settings.strategy.sessionSecret.reveal()).toBe(SESSION)
  const given = readSettings({ flags: { data: 'here' }, env: { FOB_DATA: 'there' }, file, filePath })
  expect(given.dataDir).toBe('here')
  expect(readSettings({ flags: {}, env: {}, file: { data: '/srv/fob' }, filePath }).dataDir).toBe('/srv/fob')
  const memory = { 'secrets-sqlite-path': ':memory:' }
  expect(readSettings({ flags: {}, env: {}, file: memory, filePath }).vault.store.lasting).toBe(false)
})

test('which files nobody else should read: those of secrets, and a settings file that holds one', () => {
  const sources = { flags: {}, env: {}, filePath: '/etc/fob/fob.toml' }
  expect(privateFiles({ ...sources, file: { listen: ':8080', 'local-accounts': true } })).toEqual([])
  const named = { oauth: { session_secret_file: 'session' } }
  expect(privateFiles({ ...sources, file: named })).toEqual(['/etc/fob/session'])
  const inside = { 'basic-auth-password': 'secret123' }
  expect(privateFiles({ ...sources, file: inside })).toEqual(['/etc/fob/fob.toml'])
  const flags = { 'secrets-key-file': 'key', 'secret-file': '.env' }
  const env = { CI_SECRETS_SQLITE_PASSPHRASE_FILE: 'passphrase' }
  expect(privateFiles({ flags, env, file: undefined }).toSorted()).toEqual(['.env', 'key', 'passphrase'])
})

test('the settings file may nest its keys, and a misspelt one is refused', () => {
  const file = { local_accounts: true, oauth: { session_secret: SESSION, 'callback-url': 'https://x' } }
  expect(read({}, {}, file).strategy.kind).toBe('oauth')
  expect(() => read({}, {}, { oauth: { sesion_secret: 'x' } })).toThrow('unknown key "oauth-sesion-secret"')
})

/** The text of the fault that these settings are refused with. */
function refused(flags: Record<string, string>, env: Record<string, string> = {}): string {
  try {
    read(flags, env)
  } catch (error) {
    if (error instanceof Fault && error.code === 'config') return `${error.message}; ${error.hint}`
    throw error
  }
  throw new Error('these settings were taken')
}

describe('settings that fail closed', () => {
  test.each(['true', 'TRUE', '1', 'yes', 'On'])('a switch may say %s', (word) => {
    expect(read(oauth, { FOB_OPEN_TO_NETWORK: word }).strategy.kind).toBe('oauth')
    const { 'local-accounts': _, ...rest } = oauth
    expect(read(rest, { FOB_LOCAL_ACCOUNTS: word }).strategy.kind).toBe('oauth')
  })

  test.each(['false', '0', 'No', 'off'])('and %s for no', (word) => {
    expect(read({}, { FOB_LOCAL_ACCOUNTS: word }).strategy.kind).toBe('open')
    expect(refused({ listen: '0.0.0.0:80' }, { FOB_OPEN_TO_NETWORK: word })).toContain('loopback only')
  })

  test.each(['local-accounts', 'open-to-network'])('--%s takes no other word', (name) => {
    const variable = `FOB_${name.toUpperCase().replaceAll('-', '_')}`
    for (const word of ['ture', '2', ' ', 'enabled']) {
      expect(refused({}, { [variable]: word })).toContain(`--${name}`)
    }
    expect(() => read({}, {}, { [name]: 'maybe' })).toThrow(`--${name}`)
  })

  test.each([
    'oauth-session-secret',
    'oauth-callback-url',
    'oauth-github-url',
    'oauth-gitlab-url',
    'oauth-microsoft-tenant',
    'oauth-microsoft-url',
  ])('--%s without a provider does not open the server', (name) => {
    const words = refused({ [name]: 'https://x.example' })
    for (const part of [`--${name}`, '--local-accounts', '--oauth-github-client-id']) {
      expect(words).toContain(part)
    }
    expect(refused({ [name]: 'https://x.example', 'local-accounts': 'false' })).toContain(`--${name}`)
    expect(refused({ ...basic, [name]: 'https://x.example' })).toContain(`--${name}`)
  })

  test.each([
    ['oauth-gitlab-url', 'https://gitlab.company.com'],
    ['oauth-microsoft-tenant', 'contoso.com'],
  ])('--%s does not stand without its client', (name, value) => {
    const provider = name.split('-')[1]
    expect(refused({ ...oauth, [name]: value })).toContain(`--oauth-${provider}-client-id`)
  })

  test.each([
    'basic-auth-username',
    'basic-auth-password',
    'oauth-session-secret',
    'oauth-callback-url',
    'oauth-github-client-id',
    'oauth-github-client-secret',
    'oauth-microsoft-tenant',
    'secrets-sqlite-passphrase',
    'basic-auth-password-file',
    'local-accounts',
    'rbac',
  ])('an empty %s is an error, wherever it stands', (name) => {
    const variable = name.toUpperCase().replaceAll('-', '_')
    for (const prefix of ['FOB_', 'CI_']) {
      const words = refused({}, { [prefix + variable]: '' })
      expect(words).toContain(`--${name}`)
      expect(words).toContain(prefix + variable)
    }
    expect(refused({ [name]: '' })).toContain(`--${name}`)
    expect(() => read({}, {}, { [name]: '' })).toThrow(`--${name}`)
  })

  test('both variables of Basic empty, as a compose file leaves them, open nothing', () => {
    const env = { FOB_BASIC_AUTH_USERNAME: '', FOB_BASIC_AUTH_PASSWORD: '' }
    expect(refused({}, env)).toContain('FOB_BASIC_AUTH_USERNAME')
  })

  test('what opens nothing may be empty, and a flag stands before an empty variable', () => {
    expect(read({}, { FOB_LISTEN: '', FOB_DATA: '', FOB_TRUSTED_PROXY: '' }).strategy.kind).toBe('open')
    expect(read(basic, { FOB_BASIC_AUTH_PASSWORD: '' }).strategy.kind).toBe('basic')
  })

  test('the settings file has no key that slips through by its name', () => {
    for (const key of ['constructor', '__proto__']) {
      expect(() => read({}, {}, JSON.parse(`{"${key}": "x"}`))).toThrow(
        `unknown key "${key.replaceAll('_', '-')}"`,
      )
    }
  })
})

describe('how many runs', () => {
  test('is what the server takes for itself, unless it is told', () => {
    expect(read().runs).toMatchObject({
      runsAtOnce: undefined,
      runsPerTenant: undefined,
      waitingRuns: undefined,
    })
    const flags = { 'runs-at-once': '4', 'runs-per-tenant': '2', 'runs-waiting': '10000' }
    expect(read(flags).runs).toMatchObject({ runsAtOnce: 4, runsPerTenant: 2, waitingRuns: 10_000 })
    expect(read({}, { FOB_RUNS_AT_ONCE: '4' }).runs.runsAtOnce).toBe(4)
  })

  test('and what they may fetch is a list, by commas or spaces', () => {
    const { network } = read({ 'allow-network': '10.0.0.0/8, a.example b.example,' }).runs
    const hosts = ['10.1.2.3', 'a.example', 'b.example', '127.0.0.1', 'c.example']
    expect(hosts.filter(network.trusts)).toEqual(hosts.slice(0, 3))
    expect(hosts.some(read().runs.network.trusts)).toBe(false)
    expect(() => read({ 'allow-network': '10.0.0.0/99' })).toThrow('not "10.0.0.0/99"')
  })

  test.each(['0', '-1', '1.5', 'many', '10001', '1e3'])('%s is refused', (value) => {
    expect(() => read({ 'runs-at-once': value })).toThrow(
      '--runs-at-once takes a number from 1 to 10000, not',
    )
  })
})

describe('what tasks run on', () => {
  test('is either driver unless told otherwise, native first', () => {
    expect(read().tasks).toMatchObject({
      drivers: ['native', 'docker'],
      docker: { host: undefined, network: 'bridge', pull: 'missing' },
    })
    expect(read({ drivers: 'docker' }).tasks.drivers).toEqual(['docker'])
    expect(read({}, { FOB_DRIVERS: 'docker, native' }).tasks.drivers).toEqual(['docker', 'native'])
  })

  test.each([
    ['ftp://engine.example', 'cannot reach a Docker daemon at ftp://engine.example'],
    ['/var/run/docker.sock', 'cannot reach a Docker daemon at /var/run/docker.sock'],
    ['ssh://ada@engine.example', 'over ssh is not supported'],
    ['tcp://engine.example:2375', 'DOCKER_TLS_VERIFY is not set'],
  ])('is no engine at %s, which is refused at once', (host, words) => {
    expect(() => read({ 'docker-host': host })).toThrow(words)
    expect(() => read({ 'docker-host': host, drivers: 'native' })).toThrow(words)
    // The environment is the machine's own: it stops no server that may never ask an engine.
    expect(read({}, { DOCKER_HOST: host }).tasks.docker.host).toBeUndefined()
  })

  test('is told to docker as its own command line reads it, and nothing else of the environment', () => {
    const env = { DOCKER_HOST: 'unix:///x', HOME: '/home/ada', AWS_SECRET_ACCESS_KEY: 'x' }
    const { docker } = read(
      { 'docker-host': 'unix:///y', 'docker-network': 'ci', 'docker-pull': 'never' },
      env,
    ).tasks
    expect(docker).toMatchObject({
      host: 'unix:///y',
      network: 'ci',
      pull: 'never',
      env: { DOCKER_HOST: 'unix:///x' },
    })
    expect(JSON.stringify(docker)).not.toContain('AWS')
  })

  test.each([
    [{ drivers: 'podman' }, '--drivers takes native and docker, not "podman"'],
    [{ drivers: 'docker,docker' }, '--drivers takes'],
    [{ drivers: ',' }, '--drivers takes'],
    [{ 'docker-network': 'container:other' }, '--docker-network takes the name of a network'],
    [{ 'docker-pull': 'sometimes' }, '--docker-pull takes missing, always, never'],
  ])('is refused where it is none: %p', (flags, says) => {
    expect(() => read(flags)).toThrow(says)
  })
})

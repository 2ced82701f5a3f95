/** The documented ways to authenticate, on the binary: Basic, OAuth, providers, JWTs and the JSON login API. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import { ALL_SCOPES } from '../../../src/contract/token-scopes.ts'
import { ROUTES } from '../../../src/server/http/routes.ts'
import { binaryLogin } from '../../support/client/binary-login.ts'
import { fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { ADA, type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { httpBrowser } from '../../support/servers/http-browser.ts'
import { logIn } from '../../support/servers/oauth-login.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import {
  startServerWithIdentityProviders,
  type ServerWithIdentityProviders,
} from '../../support/servers/server-with-identity-providers.ts'
import { DIRECTORY } from '../../support/stand-ins/microsoft.ts'
import { startWorkloadIssuer, type WorkloadIssuer } from '../../support/stand-ins/workload-issuer.ts'
import { logInWith } from '../../support/stand-ins/all-stand-ins.ts'

/** "Server authentication" of the documents, S1 to S48, and the JSON API, S161 to S167, on the binary. */

const SECRET = 'a-session-secret-of-32-bytes-or-more'
const BASIC = ['--basic-auth-username', 'admin', '--basic-auth-password', 'secret123']
const running: Running[] = []

interface Started {
  url: string
  data: string
  running: Running
}

/** `fob server` with these flags (`URL` stands for its own address) and variables. */
async function serverWith(args: readonly string[], env: Record<string, string> = {}): Promise<Started> {
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const data = join(temporaryFolder(), 'data')
  const flags = args.map((arg) => (arg === 'URL' ? url : arg))
  const started = start(['server', '--listen', `127.0.0.1:${port}`, '--data', data, ...flags], { env })
  running.push(started)
  await started.saw('"listening"')
  return { url, data, running: started }
}

const OAUTH = ['--oauth-session-secret', SECRET, '--oauth-callback-url', 'URL']
const strategyOf = async (url: string) =>
  ((await (await fetch(`${url}/health`)).json()) as { strategy: string }).strategy
const get = (url: string, headers: Record<string, string> = {}) => fetch(url, { headers, redirect: 'manual' })
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

const PIPELINE = `const pipeline = async () => { console.log('ran') }\nexport { pipeline }\n`
function pipelineFile(): string {
  const file = join(temporaryFolder(), 'f.ts')
  writeFileSync(file, PIPELINE)
  return file
}

let local: BinaryServer
let providers: ServerWithIdentityProviders
let ci: WorkloadIssuer
beforeAll(async () => {
  ci = startWorkloadIssuer()
  const trust = [
    '[[trusted_issuers]]',
    'preset = "github"',
    `url = "${ci.url}"`,
    'repositories = "octo-org/*"',
  ]
  ;[local, providers] = await Promise.all([
    startBinaryServer({ tables: [...trust, `rule = 'claims.ref == "refs/heads/main"'`] }),
    startServerWithIdentityProviders(),
  ])
}, 60_000)
afterAll(async () => {
  for (const { child } of running) child.kill('SIGINT')
  await Promise.all(running.map(({ ended }) => ended))
  await local.stop()
  await providers.stop()
  await ci.stop()
})

/** Whether it makes members of people, who are none on a server without logins. */
function isForPeople(method: string, path: string): boolean {
  return method !== 'GET' && /^\/api\/(?:members|invitations)/.test(path)
}

describe('strategies', () => {
  test('S1: Basic and OAuth are the two; each alone starts, both together do not', async () => {
    expect(await strategyOf((await serverWith(BASIC)).url)).toBe('basic')
    expect(await strategyOf((await serverWith(['--local-accounts', ...OAUTH])).url)).toBe('oauth')
    const both = await fob(['server', ...BASIC, '--local-accounts', ...OAUTH])
    expect(both).toMatchObject({ code: 2, err: expect.stringContaining('cannot both be set') })
  })

  test('S3: with neither, every endpoint of the API is open without credentials', async () => {
    const { url } = await serverWith([])
    expect(await strategyOf(url)).toBe('open')
    const byCredential = ROUTES.filter(
      ({ guard }) => guard === 'any' || guard === 'administrator' || guard.includes(':'),
    )
    expect(byCredential.length).toBeGreaterThan(20)
    for (const { method, path } of byCredential) {
      // As a page of the server's own sends it: its forms are refused to other sites.
      const headers = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' }
      const init = method === 'GET' ? {} : { headers, body: '{}' }
      const response = await fetch(url + path.replaceAll(/:\w+/g, 'x'), { method, ...init })
      if (isForPeople(method, path)) {
        expect([method, path, response.status, await response.json()]).toEqual([
          method,
          path,
          403,
          expect.objectContaining({ error: 'needs_oauth' }),
        ])
      } else {
        expect([method, path, [401, 403].includes(response.status)]).toEqual([method, path, false])
      }
    }
    expect(await fob(['pipeline', 'set', pipelineFile(), '-s', url])).toMatchObject({ code: 0 })
    expect((await fob(['pipeline', 'run', 'f', '-s', url])).out).toContain('ran')
  })

  test.each<[string, string[], Record<string, string>]>([
    ['S4 S5 S7: from the two flags', BASIC, {}],
    [
      'S6 S7: from CI_ variables',
      [],
      { CI_BASIC_AUTH_USERNAME: 'admin', CI_BASIC_AUTH_PASSWORD: 'secret123' },
    ],
    [
      'S6 S7: from FOB_ variables',
      [],
      { FOB_BASIC_AUTH_USERNAME: 'admin', FOB_BASIC_AUTH_PASSWORD: 'secret123' },
    ],
  ])('%s: the right pair passes, a wrong one or none is answered with 401', async (_name, args, env) => {
    const { url } = await serverWith(args, env)
    const ask = async (headers: Record<string, string>) => (await get(`${url}/api/pipelines`, headers)).status
    expect(await ask(basic('admin', 'secret123'))).toBe(200)
    for (const headers of [{}, basic('admin', 'secret12'), basic('admi', 'secret123'), basic('', '')]) {
      expect(await ask(headers)).toBe(401)
    }
    expect((await get(`${url}/api/pipelines`)).headers.get('www-authenticate')).toContain('Basic')
  })

  test('S8: credentials in the address log in, and the password is in no output and no log', async () => {
    const { url, running: server } = await serverWith(BASIC)
    const withUser = url.replace('//', '//admin:secret123@')
    for (const args of [
      ['pipeline', 'set', pipelineFile(), '--server', withUser],
      ['pipeline', 'run', 'f', '-s', withUser, '--debug'],
    ]) {
      const { code, out, err } = await fob(args)
      expect([code, out + err]).toEqual([0, expect.not.stringContaining('secret123')])
    }
    const wrong = await fob(['pipeline', 'list', '-s', url.replace('//', '//admin:canary42@')])
    expect(wrong).toMatchObject({ code: 4, err: expect.not.stringContaining('canary42') })
    const encoded = Buffer.from('admin:secret123').toString('base64')
    expect(server.err() + server.out()).not.toContain('secret123')
    expect(server.err()).not.toContain(encoded)
  })

  test('what a server without logins cannot do is refused with the next step that the server names', async () => {
    const { url } = await serverWith(BASIC)
    const as = { env: { FOB_SERVER: url.replace('//', '//admin:secret123@') } }
    expect(await fob(['tokens', 'create', 'x', '--scope', 'runs:read', '--all-pipelines'], as)).toMatchObject(
      {
        code: 5,
        out: '',
        err: [
          'fob: this server has no logins, so nobody can own a token or be a member',
          'hint: start the server with an OAuth provider, or --local-accounts',
          '',
        ].join('\n'),
      },
    )
  })

  test('S9: a pipeline cannot have a rule under Basic', async () => {
    const { url } = await serverWith(BASIC)
    const withUser = url.replace('//', '//admin:secret123@')
    const refused = await fob(['pipeline', 'set', pipelineFile(), '--rbac', 'true', '-s', withUser])
    expect(refused.code).not.toBe(0)
    expect(refused.err).toContain('OAuth')
    expect((await get(`${url}/api/pipelines/f`, basic('admin', 'secret123'))).status).toBe(404)
  })

  test.each<[string, string[], string[]]>([
    ['S17: half of GitHub', ['--oauth-github-client-id', 'x', ...OAUTH], ['--oauth-github-client-secret']],
    ['S17: half of GitLab', ['--oauth-gitlab-client-secret', 'x', ...OAUTH], ['--oauth-gitlab-client-id']],
    [
      'S17: half of Microsoft',
      ['--oauth-microsoft-client-id', 'x', ...OAUTH],
      ['--oauth-microsoft-client-secret'],
    ],
    ['S17: half of Basic', ['--basic-auth-username', 'admin'], ['--basic-auth-password']],
    [
      'S19: a session secret of 31 characters',
      [
        '--local-accounts',
        '--oauth-session-secret',
        'x'.repeat(31),
        '--oauth-callback-url',
        'http://localhost:1',
      ],
      ['--oauth-session-secret', '32'],
    ],
    [
      'S20: a callback URL with a path',
      [
        '--local-accounts',
        '--oauth-session-secret',
        SECRET,
        '--oauth-callback-url',
        'https://ci.example.com/x',
      ],
      ['--oauth-callback-url'],
    ],
    [
      'S20: plain http beyond this machine',
      ['--local-accounts', '--oauth-session-secret', SECRET, '--oauth-callback-url', 'http://ci.example.com'],
      ['--oauth-callback-url', 'hint: ', 'https://ci.example.com'],
    ],
    [
      'S21: no session secret',
      ['--local-accounts', '--oauth-callback-url', 'http://localhost:1'],
      ['--oauth-session-secret'],
    ],
    [
      'S21: no callback URL',
      ['--local-accounts', '--oauth-session-secret', SECRET],
      ['--oauth-callback-url'],
    ],
    [
      'R6: an access token of a week',
      [
        '--local-accounts',
        '--oauth-session-secret',
        SECRET,
        '--oauth-callback-url',
        'http://localhost:1',
        '--oauth-access-token-ttl',
        '7d',
      ],
      ['--oauth-access-token-ttl', '1m to 1d'],
    ],
    ['R6: a lifetime without a login', ['--oauth-refresh-token-ttl', '7d'], ['--oauth-refresh-token-ttl']],
  ])('%s: it does not start, and names what is missing or wrong', async (_name, args, named) => {
    const { code, err } = await fob(['server', '--data', join(temporaryFolder(), 'data'), ...args])
    expect(code).toBe(2)
    for (const text of named) expect(err).toContain(text)
    expect(err).not.toContain(SECRET)
  })
})

describe('identity providers', () => {
  test.each<[string, () => string[], string, () => string]>([
    [
      'S12: GitHub',
      () => ['--oauth-github-client-id', 'the-id', '--oauth-github-client-secret', 'the-secret'],
      'github',
      () => 'https://github.com/login/oauth/authorize',
    ],
    [
      'S13 S14: a GitLab of one’s own',
      () => [
        '--oauth-gitlab-client-id',
        'the-id',
        '--oauth-gitlab-client-secret',
        'the-secret',
        '--oauth-gitlab-url',
        providers.gitlab.url,
      ],
      'gitlab',
      () => `${providers.gitlab.url}/oauth/authorize`,
    ],
    [
      'S15 S16: Microsoft, and its tenant in the address',
      () => [
        '--oauth-microsoft-client-id',
        'the-id',
        '--oauth-microsoft-client-secret',
        'the-secret',
        '--oauth-microsoft-tenant',
        DIRECTORY,
        '--oauth-microsoft-url',
        providers.microsoft.url,
      ],
      'microsoftonline',
      () => `${providers.microsoft.url}/${DIRECTORY}/oauth2/v2.0/authorize`,
    ],
  ])(
    '%s is set up by flags alone; S17: with both of its pair it is on, and no other is',
    async (_name, flags, name, authorize) => {
      const { url } = await serverWith([...flags(), ...OAUTH])
      const to = new URL((await get(`${url}/auth/${name}`)).headers.get('location') ?? '')
      expect(to.origin + to.pathname).toBe(authorize())
      expect(to.searchParams.get('client_id')).toBe('the-id')
      expect(to.searchParams.get('code_challenge_method')).toBe('S256')
      expect(to.href).not.toContain('the-secret')
      for (const other of ['github', 'gitlab', 'microsoftonline'].filter((one) => one !== name)) {
        expect((await get(`${url}/auth/${other}`)).status).toBe(404)
      }
      const page = await httpBrowser().open(`${url}/settings/sessions`)
      expect(page.html.match(/Continue with \w+/g)).toHaveLength(1)
    },
  )

  test.each([
    ['S22', 'github', '/auth/github/callback'],
    ['S23', 'gitlab', '/auth/gitlab/callback'],
    ['S24', 'microsoftonline', '/auth/microsoftonline/callback'],
  ])('%s: the callback path of %s is %s, behind --oauth-callback-url (S20)', async (_number, name, path) => {
    const to = new URL((await get(`${providers.url}/auth/${name}`)).headers.get('location') ?? '')
    expect(to.searchParams.get('redirect_uri')).toBe(providers.url + path)
  })

  test('S27: organizations that GitHub tells are what a rule sees, and others stay out', async () => {
    const github = (await logInWith(providers.url, 'GitHub')).accessToken
    const gitlab = (await logInWith(providers.url, 'GitLab')).accessToken
    const rule = '"myorg" in Organizations && Provider == "github"'
    const set = await fob(
      ['pipeline', 'set', pipelineFile(), '-n', 'ours', '--rbac', rule, '-s', providers.url],
      {
        env: { FOB_TOKEN: github },
      },
    )
    expect(set).toMatchObject({ code: 0 })
    const see = async (token: string) =>
      (await get(`${providers.url}/api/pipelines/ours`, { authorization: `Bearer ${token}` })).status
    expect([await see(github), await see(gitlab)]).toEqual([200, 404])
  })
})

const sessionSecret = () =>
  Buffer.from(readFileSync(join(dirname(local.settingsFile), 'session-secret'), 'utf8'))

describe('S28: JSON Web Tokens', () => {
  test('S29: are signed by HS256 with the session secret', async () => {
    const { access_token: token } = await logIn(local.url, ADA)
    expect(decodeProtectedHeader(token).alg).toBe('HS256')
    expect((await jwtVerify(token, sessionSecret())).payload.iss).toBe('fob')
  })

  test('S30 to S36: say who, by whom, from whom and since when', async () => {
    const { claims } = await logInWith(providers.url, 'GitHub')
    expect(claims).toMatchObject({
      sub: '583231',
      email: 'octocat@example.com',
      name: 'The Octocat',
      nick_name: 'octocat',
      provider: 'github',
      iss: 'fob',
      aud: providers.url,
      tenant: 'default',
      jti: expect.stringMatching(/.{16}/),
    })
    expect(Math.abs(Number(claims.iat) - Date.now() / 1000)).toBeLessThan(60)
  })

  test('S37 R6: live 30 days alone, an hour beside a refresh token, and are refused after their end', async () => {
    const callback = 'http://127.0.0.1:9876/callback'
    const browser = httpBrowser({ stopAt: callback })
    const end = await browser.open(
      `${providers.url}/api/auth/github?cli=true&redirect_uri=${encodeURIComponent(callback)}`,
    )
    const alone = decodeJwt(end.url.searchParams.get('token') ?? '')
    expect(Number(alone.exp) - Number(alone.iat)).toBe(30 * 86_400)
    const { access_token: token } = await logIn(local.url, ADA)
    const claims = decodeJwt(token)
    expect(Number(claims.exp) - Number(claims.iat)).toBe(3600)
    const until = (exp: number) =>
      new SignJWT({ ...claims, exp })
        .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
        .sign(sessionSecret())
    const ask = async (exp: number) =>
      (await get(`${local.url}/api/pipelines`, { authorization: `Bearer ${await until(exp)}` })).status
    const now = Math.floor(Date.now() / 1000)
    expect([await ask(now + 60), await ask(now - 60)]).toEqual([200, 401])
  })

  test('R6: live as long as the settings say', async () => {
    const times = ['--oauth-access-token-ttl', '5m', '--oauth-refresh-token-ttl', '2h']
    const { url, data } = await serverWith([...OAUTH, '--local-accounts', ...times])
    const add = ['server', 'user', 'add', ADA.email, '--data', data, '--password-stdin']
    expect((await fob(add, { stdin: ADA.password })).code).toBe(0)
    const { access_token: token, refresh_token: refresh, expires_in: seconds } = await logIn(url, ADA)
    const claims = decodeJwt(token)
    expect([seconds, Number(claims.exp) - Number(claims.iat)]).toEqual([300, 300])
    const asked = await fetch(`${url}/oauth/introspect`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: new URLSearchParams({ token: refresh }),
    })
    const { exp } = (await asked.json()) as { exp: number }
    expect(Math.abs(exp - Number(claims.iat) - 7200)).toBeLessThan(10)
  })

  test('S38: are taken as bearer tokens on /api/pipelines and the whole API', async () => {
    const { access_token: token } = await logIn(local.url, ADA, ALL_SCOPES.join(' '))
    const readable = ROUTES.filter(
      ({ method, path, guard }) =>
        method === 'GET' &&
        path.startsWith('/api/') &&
        !path.includes(':') &&
        !['none', 'protocol', 'session', 'interaction'].includes(guard),
    )
    expect(readable.map(({ path }) => path)).toContain('/api/pipelines')
    for (const { path } of readable) {
      const status = async (headers: Record<string, string>) => (await get(local.url + path, headers)).status
      expect([path, await status({})]).toEqual([path, 401])
      expect([path, await status({ authorization: `Bearer ${token}` })]).toEqual([path, 200])
    }
  })
})

const mint = (claims: Record<string, unknown> = {}) => ci.mintToken({ aud: local.url, ...claims })
const profileBy = async (token: string) =>
  (await get(`${local.url}/api/v1/profile`, { authorization: `Bearer ${token}` })).status

const DAY = 86_400
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds

describe('R20: JWTs of an issuer that the settings trust', () => {
  test('S100 S113 S134: a job runs a pipeline with the token that its CI gave it, and with nothing else', async () => {
    const { access_token: ada } = await logIn(local.url, ADA, ALL_SCOPES.join(' '))
    const set = await fob(['pipeline', 'set', pipelineFile(), '-s', local.url], { env: { FOB_TOKEN: ada } })
    expect(set).toMatchObject({ code: 0 })
    const home = temporaryFolder()
    const run = ['run', 'f', '--task', 'go', '-s', local.url, '--jwt-token']
    expect(await fob([...run, mint()], { home })).toMatchObject({ code: 0, out: 'ran\n' })
    expect(existsSync(join(home, '.fob'))).toBe(false)
    const { items } = (await (
      await get(`${local.url}/api/runs`, { authorization: `Bearer ${ada}` })
    ).json()) as { items: { triggeredBy: string }[] }
    expect(items[0]?.triggeredBy).toBe(
      `workload:${ci.url.slice(7)}:repo:octo-org/octo-repo:ref:refs/heads/main`,
    )
    expect(await fob([...run, mint({ ref: 'refs/heads/evil' })], { home })).toMatchObject({ code: 4 })
    expect(local.running.err()).toContain('"why":"the rule does not let it in"')
  })

  test('it is exchanged for a token of an hour, by any program that speaks RFC 8693', async () => {
    const response = await fetch(`${local.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: mint(),
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      }),
    })
    const { access_token: token, expires_in: seconds } = (await response.json()) as {
      access_token: string
      expires_in: number
    }
    expect(seconds).toBe(3600)
    const whoami = await fob(['whoami', '-s', local.url, '-o', 'json'], { env: { FOB_TOKEN: token } })
    expect(JSON.parse(whoami.out)).toMatchObject({ name: 'repo:octo-org/octo-repo:ref:refs/heads/main' })
  })

  test('keys may rotate; HS256 and none are never accepted', async () => {
    ci.rotateKeys()
    // What is not known is asked for at most every ten seconds.
    const deadline = Date.now() + 20_000
    while ((await profileBy(mint())) !== 200 && Date.now() < deadline) await Bun.sleep(250)
    expect(await profileBy(mint())).toBe(200)
    const [, claims] = mint().split('.')
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`
    expect(await profileBy(ci.mintHs256WithPublicKey({ aud: local.url }))).toBe(401)
    expect(await profileBy(none)).toBe(401)
  })

  test.each<[string, () => Record<string, unknown>, string]>([
    ['of another audience', () => ({ aud: 'https://elsewhere.example' }), 'it is for another audience'],
    ['without an end', () => ({ exp: undefined }), 'it has no exp'],
    [
      'that lives for weeks',
      () => ({ exp: inSeconds(30 * DAY) }),
      'its exp lies further ahead than max-lifetime allows',
    ],
    ['that has expired', () => ({ exp: inSeconds(-3600) }), 'it has expired'],
    ['that is not valid yet', () => ({ nbf: inSeconds(3600) }), 'its nbf does not fit'],
    ['from the future', () => ({ iat: inSeconds(3600), exp: inSeconds(7200) }), 'its iat lies ahead'],
    [
      'of an issuer that is not trusted',
      () => ({ iss: 'https://login.example' }),
      'its issuer is not a trusted one',
    ],
    ['without a subject', () => ({ sub: undefined }), 'it has no sub'],
  ])('a JWT %s is refused, and the log alone says why', async (_, claims, why) => {
    const refusalOf = async (token: string) => {
      const response = await get(`${local.url}/api/pipelines`, { authorization: `Bearer ${token}` })
      return [response.status, (await response.text()).replace(/"requestId":"[^"]+"/, '')]
    }
    expect(await refusalOf(mint(claims()))).toEqual(await refusalOf('not-a-token'))
    await local.running.saw(`"why":"${why}"`)
  })

  test('server check asks the issuer for its keys, and says what is wrong with it', async () => {
    const check = ['server', 'check', '--config', local.settingsFile]
    const well = await fob(check)
    expect(well).toMatchObject({ code: 0, err: '' })
    expect(well.out).toMatch(new RegExp(`^trusted issuer ${ci.url.slice(7)}\tok\t${ci.url}, \\d keys?$`, 'm'))
    ci.behaviour.metadataIssuer = 'https://login.example'
    const wrong = await fob(check)
    ci.behaviour.metadataIssuer = ci.url
    expect(wrong.code).toBe(1)
    expect(wrong.err).toContain('/.well-known/openid-configuration is about another issuer')
  })

  test('a preset that would let every repository in does not start', async () => {
    const rule = ['--trusted-issuer', 'github', '--trusted-issuer-rule', 'claims.ref == "refs/heads/main"']
    const flags = [
      '--data',
      join(temporaryFolder(), 'data'),
      '--local-accounts',
      '--oauth-session-secret',
      SECRET,
    ]
    const open = await fob(['server', ...flags, '--oauth-callback-url', 'http://127.0.0.1:1', ...rule])
    expect(open.code).toBe(2)
    expect(open.err).toContain('any repository in the world can get a token of GitHub Actions')
    expect(open.err).toContain('hint: set --trusted-issuer-repositories to my-org/*')
  })
})

const listPipelines = (args: string[], options: { env?: Record<string, string>; home?: string } = {}) =>
  fob(['pipeline', 'list', '-s', local.url, ...args], options)

describe('the command line finds its credential', () => {
  let token: string
  beforeAll(async () => {
    token = (await logIn(local.url, ADA)).access_token
  })

  test('S39: CI_AUTH_TOKEN supplies the token', async () => {
    expect((await listPipelines([])).code).toBe(4)
    expect((await listPipelines([], { env: { CI_AUTH_TOKEN: token } })).code).toBe(0)
    expect((await listPipelines([], { env: { CI_AUTH_TOKEN: 'wrong' } })).code).toBe(4)
  })

  test('S40: -s names the server; without it, http://localhost:8080', async () => {
    const env = { FOB_TOKEN: token }
    expect(
      await fob(['pipeline', 'set', pipelineFile(), '-n', 'short', '-s', local.url], { env }),
    ).toMatchObject({ code: 0 })
    expect(await fob(['pipeline', 'run', 'short', '-s', local.url], { env })).toMatchObject({
      code: 0,
      out: expect.stringContaining('ran'),
    })
    expect(await fob(['whoami'])).toMatchObject({
      code: 4,
      err: expect.stringContaining('http://localhost:8080'),
    })
  })

  test('S42: a login is stored in the home folder, and later commands use it with no flag', async () => {
    const home = temporaryFolder()
    expect((await binaryLogin(local.url, { home })).code).toBe(0)
    expect(existsSync(join(home, '.fob', 'credentials'))).toBe(true)
    expect(await fob(['pipeline', 'list'], { home })).toMatchObject({ code: 0, err: '' })
    expect((await fob(['pipeline', 'list', '-s', providers.url], { home })).code).toBe(4)
  })

  test('S45: -c, CI_AUTH_CONFIG and FOB_AUTH_CONFIG name another file, which is then the only one', async () => {
    const home = temporaryFolder()
    const file = join(temporaryFolder(), 'elsewhere.json')
    expect((await binaryLogin(local.url, { home, args: ['-c', file] })).code).toBe(0)
    expect(existsSync(file)).toBe(true)
    expect(readdirSync(home).includes('.fob') && existsSync(join(home, '.fob', 'credentials'))).toBe(false)
    expect((await listPipelines(['-c', file], { home })).code).toBe(0)
    for (const name of ['CI_AUTH_CONFIG', 'FOB_AUTH_CONFIG']) {
      expect((await listPipelines([], { home, env: { [name]: file } })).code).toBe(0)
    }
    expect((await listPipelines([], { home })).code).toBe(4)
  })

  test('S46 S47: the flag beats the variable, that beats the file, that beats the address', async () => {
    const home = temporaryFolder()
    expect((await binaryLogin(local.url, { home })).code).toBe(0)
    expect(
      (await listPipelines(['--auth-token', token], { env: { FOB_TOKEN: 'wrong', CI_AUTH_TOKEN: 'wrong' } }))
        .code,
    ).toBe(0)
    expect(
      (await listPipelines(['--auth-token', 'wrong'], { home, env: { CI_AUTH_TOKEN: token } })).code,
    ).toBe(4)
    expect((await listPipelines([], { home, env: { CI_AUTH_TOKEN: 'wrong' } })).code).toBe(4)
    const withUser = local.url.replace('//', '//nobody:wrong@')
    expect((await fob(['pipeline', 'list', '-s', withUser], { home })).code).toBe(0)
    expect((await fob(['pipeline', 'list', '-s', withUser])).code).toBe(4)
  })
})

describe('the documented JSON API of logins', () => {
  test('S161 S162 S163: e-mail and password, for a token that opens the API', async () => {
    const answer = await fetch(`${local.url}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(ADA),
    })
    const body = (await answer.json()) as { token: string; refreshToken: string; user: object }
    const headers = { authorization: `Bearer ${body.token}` }
    expect([answer.status, body]).toMatchObject([
      200,
      {
        token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        refreshToken: expect.any(String),
        user: { id: expect.stringMatching(/^local:/), email: ADA.email, role: 'admin' },
      },
    ])
    expect((await get(`${local.url}/api/runs`, headers)).status).toBe(200)
    expect((await get(`${local.url}/api/runs`)).status).toBe(401)
  })

  test('S165: GET /api/auth/github redirects to GitHub', async () => {
    const answer = await get(`${providers.url}/api/auth/github`)
    expect([answer.status, answer.headers.get('location')]).toEqual([
      303,
      expect.stringContaining(`${providers.github.url}/login/oauth/authorize?`),
    ])
  })

  test('S166 S163: its callback logs the browser in, which then has a JWT for our own pages', async () => {
    const browser = httpBrowser()
    expect((await browser.open(`${providers.url}/api/auth/github`)).url.href).toBe(`${providers.url}/`)
    expect((await browser.open(`${providers.url}/settings/sessions`)).html).toContain('octocat@example.com')
    const answer = await fetch(`${providers.url}/api/auth/token`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        cookie: browser.cookies(new URL(providers.url)),
        origin: providers.url,
      },
      body: '{}',
    })
    const { token } = (await answer.json()) as { token: string }
    expect((await get(`${providers.url}/api/pipelines`, { authorization: `Bearer ${token}` })).status).toBe(
      200,
    )
  })

  test('S167: with cli=true the token goes to the program on this machine, and nowhere else', async () => {
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => new Response(request.url),
    })
    const begin = (uri: string) =>
      `${providers.url}/api/auth/github?cli=true&state=its-own&redirect_uri=${encodeURIComponent(uri)}`
    const end = await httpBrowser().open(begin(`${server.url.origin}/callback`))
    const got = new URL(end.html).searchParams
    await server.stop(true)
    expect(got.get('state')).toBe('its-own')
    const headers = { authorization: `Bearer ${got.get('token')}` }
    expect(await (await get(`${providers.url}/api/auth/me`, headers)).json()).toMatchObject({
      user: { id: 'github:583231' },
    })
    for (const uri of [
      'https://evil.example/cb',
      'http://127.0.0.1.evil.example/',
      'http://192.0.2.1:9876/callback',
    ]) {
      const answer = await get(begin(uri))
      expect([uri, answer.status, answer.headers.get('location')]).toEqual([uri, 400, null])
    }
  })
})

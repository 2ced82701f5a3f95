/** Logins with GitHub, GitLab and Microsoft: groups, forged ID tokens, outages and concurrent logins. */
import { afterEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { systemClock } from '../../../../src/platform/clock.ts'
import { withAccounts } from '../../../../src/server/administration/open-data-folder.ts'
import type { Fetch } from '../../../../src/platform/fetch-type.ts'
import type { User } from '../../../../src/server/accounts/user-types.ts'
import { httpBrowser } from '../../../support/servers/http-browser.ts'
import type { TestServer } from '../../../support/servers/test-server.ts'
import type { StandIn } from '../../../support/stand-ins/stand-in-behaviour.ts'
import { type GithubPerson, startGithub } from '../../../support/stand-ins/github.ts'
import { startGitlab } from '../../../support/stand-ins/gitlab.ts'
import { DIRECTORY, startMicrosoft } from '../../../support/stand-ins/microsoft.ts'
import { logInWith, openLogin, startWithIdentityProvider } from '../../../support/stand-ins/all-stand-ins.ts'

let running: TestServer | undefined
afterEach(async () => {
  await running?.stop()
  running = undefined
})

async function open<V extends StandIn>(starting: Promise<{ server: TestServer; provider: V }>) {
  const world = await starting
  running = world.server
  return world
}

const github = () => open(startWithIdentityProvider('github', startGithub))
const gitlab = (path = '') =>
  open(startWithIdentityProvider('gitlab', (callback) => startGitlab(callback, path), { path }))
const microsoft = (tenant = DIRECTORY) =>
  open(startWithIdentityProvider('microsoft', (callback) => startMicrosoft(callback, tenant), { tenant }))

async function usersOf(server: TestServer): Promise<User[]> {
  return withAccounts({ dataDir: server.dataDir, clock: systemClock, create: false }, (accounts) =>
    accounts.list(),
  )
}

describe('a login with GitHub', () => {
  test('S11 S22 S30 to S36: authorize, GitHub, callback, consent, and a token that says who', async () => {
    const { server, provider } = await github()
    const { claims } = await logInWith(server.url, 'GitHub')
    expect(claims).toMatchObject({
      sub: '583231',
      email: 'octocat@example.com',
      name: 'The Octocat',
      nick_name: 'octocat',
      provider: 'github',
      iss: 'fob',
      aud: server.url,
      tenant: 'default',
    })
    const [asked] = provider.authorizations
    expect(asked?.get('redirect_uri')).toBe(`${server.url}/auth/github/callback`)
    expect(asked?.get('code_challenge_method')).toBe('S256')
    expect(asked?.get('state')?.length).toBeGreaterThanOrEqual(43)
    expect(asked?.get('scope')).toContain('read:org')
  })

  test('S27: organizations of all pages are kept with the user', async () => {
    const { server, provider } = await github()
    provider.pageSize = 2
    provider.person.organizations = ['a', 'b', 'c', 'd', 'myorg']
    await logInWith(server.url, 'GitHub')
    expect((await usersOf(server))[0]?.organizations).toEqual(['a', 'b', 'c', 'd', 'myorg'])
    expect(provider.requests.filter((line) => line === 'GET /api/v3/user/orgs')).toHaveLength(3)
  })

  test('S27 R5: they are read anew at each login, and the account is found by its ID, not its e-mail or name', async () => {
    const { server, provider } = await github()
    await logInWith(server.url, 'GitHub')
    const [before] = await usersOf(server)
    Object.assign(provider.person, { login: 'renamed', organizations: ['other'] })
    provider.person.emails = [{ email: 'new@example.com', primary: true, verified: true, visibility: null }]
    await logInWith(server.url, 'GitHub')
    const [after, ...more] = await usersOf(server)
    expect(more).toEqual([])
    expect(after).toMatchObject({
      id: before?.id ?? '',
      nickName: 'renamed',
      email: 'new@example.com',
      organizations: ['other'],
    })
    provider.person.id = 2
    await logInWith(server.url, 'GitHub')
    expect(await usersOf(server)).toHaveLength(2)
  })

  test('whoever comes from outside is a member, the first one too', async () => {
    const { server } = await github()
    await logInWith(server.url, 'GitHub')
    expect((await usersOf(server))[0]?.role).toBe('member')
  })

  test.each<[string, GithubPerson['emails'], string | null]>([
    [
      'the primary one, if verified',
      [
        { email: 'a@x.example', primary: false, verified: true, visibility: null },
        { email: 'b@x.example', primary: true, verified: true, visibility: null },
      ],
      'b@x.example',
    ],
    [
      'none, if the primary one is not verified',
      [
        { email: 'a@x.example', primary: false, verified: true, visibility: null },
        { email: 'boss@company.example', primary: true, verified: false, visibility: null },
      ],
      null,
    ],
    ['none, if there is none', [], null],
  ])('S10 S31: the e-mail is %s', async (_name, emails, expected) => {
    const { server, provider } = await github()
    provider.person.emails = emails
    const { claims } = await logInWith(server.url, 'GitHub')
    expect(claims.email ?? null).toBe(expected)
    expect((await usersOf(server))[0]?.email ?? null).toBe(expected)
  })

  test('a token for GitHub goes to no other host, whatever a page of its list says', async () => {
    const { server, provider } = await github()
    let stolen = ''
    const thief = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request) => {
        stolen += request.headers.get('authorization') ?? 'reached'
        return Response.json([])
      },
    })
    provider.pageSize = 1
    provider.nextPage = `http://127.0.0.1:${thief.port}/user/orgs?page=2`
    const { browser, page } = await openLogin(server.url)
    expect((await browser.follow(page, 'GitHub')).html).toContain('was not accepted')
    await thief.stop(true)
    expect(stolen).toBe('')
    expect(await usersOf(server)).toEqual([])
  })
})

describe('a login with GitLab', () => {
  test.each([
    ['at the root of a host', ''],
    ['below a path', '/gitlab'],
  ])('S13 S14 S23: a self-hosted one, %s', async (_name, path) => {
    const { server, provider } = await gitlab(path)
    const { claims } = await logInWith(server.url, 'GitLab')
    expect(claims).toMatchObject({
      sub: '42',
      email: 'ada@example.com',
      name: 'Ada Lovelace',
      nick_name: 'ada',
      provider: 'gitlab',
    })
    const [asked] = provider.authorizations
    expect(asked?.get('redirect_uri')).toBe(`${server.url}/auth/gitlab/callback`)
    expect(asked?.get('scope')).toBe('openid profile email')
    expect(asked?.get('code_challenge_method')).toBe('S256')
    expect(asked?.get('nonce')?.length).toBeGreaterThanOrEqual(43)
    expect((await usersOf(server))[0]?.groups).toEqual(['engineering', 'engineering/analytical', 'banned'])
  })

  test('S10: groups are read anew at each login; an e-mail that is not verified is not taken', async () => {
    const { server, provider } = await gitlab()
    await logInWith(server.url, 'GitLab')
    provider.person.groups = []
    provider.person.emailVerified = false
    await logInWith(server.url, 'GitLab')
    expect(await usersOf(server)).toMatchObject([{ groups: [], email: null }])
  })
})

describe('a login with Microsoft', () => {
  test('S15 S16 S24: the tenant reaches the authorize and the token address', async () => {
    const { server, provider } = await microsoft()
    const { claims } = await logInWith(server.url, 'Microsoft')
    expect(claims).toMatchObject({
      sub: provider.person.sub,
      email: 'ada@contoso.com',
      nick_name: 'ada@contoso.com',
      provider: 'microsoft',
    })
    expect(provider.requests).toContain(`GET /${DIRECTORY}/oauth2/v2.0/authorize`)
    expect(provider.requests).toContain(`POST /${DIRECTORY}/oauth2/v2.0/token`)
    expect(provider.authorizations[0]?.get('redirect_uri')).toBe(
      `${server.url}/auth/microsoftonline/callback`,
    )
    expect((await usersOf(server))[0]?.groups).toEqual(provider.person.groups)
  })

  test('a tenant may be named by its domain, though the issuer has its ID', async () => {
    const { server, provider } = await microsoft('contoso.onmicrosoft.com')
    await logInWith(server.url, 'Microsoft')
    expect(provider.requests).toContain('POST /contoso.onmicrosoft.com/oauth2/v2.0/token')
  })

  test('groups overage: what does not fit into the token is asked of Graph, all pages of it', async () => {
    const { server, provider } = await microsoft()
    Object.assign(provider.person, {
      overage: true,
      pageSize: 100,
      groups: Array.from({ length: 250 }, (_, i) => `00000000-0000-0000-0000-${String(i).padStart(12, '0')}`),
    })
    await logInWith(server.url, 'Microsoft')
    expect((await usersOf(server))[0]?.groups).toEqual(provider.person.groups)
  })

  test('groups overage with Graph down lets nobody in: a rule may say who must not be in a group', async () => {
    const { server, provider } = await microsoft()
    provider.person.overage = true
    provider.behaviour.broken.set('/v1.0/', 503)
    const { browser, page } = await openLogin(server.url)
    expect((await browser.follow(page, 'Microsoft')).html).toContain('could not be reached')
    expect(await usersOf(server)).toEqual([])
  })

  test.each([
    ['not taken where anybody may come and Microsoft has not verified it', false, null],
    ['taken where Microsoft has verified the owner of its domain', true, 'ada@contoso.com'],
  ])('S16: from "common", an e-mail is %s', async (_name, edov, expected) => {
    // The library knows the global cloud by its address alone, so requests to it are led to the stand-in.
    const global = 'https://login.microsoftonline.com'
    let standIn = ''
    const led: Fetch = (url, init) =>
      fetch(url.startsWith(global) ? standIn + url.slice(global.length) : url, init)
    const { server, provider } = await open(
      startWithIdentityProvider('microsoft', (callback) => startMicrosoft(callback, 'common', global), {
        tenant: 'common',
        providerUrl: global,
        fetch: led,
      }),
    )
    standIn = provider.url
    provider.person.edov = edov
    const browser = httpBrowser({ stopAt: global })
    const { page } = await openLogin(server.url, browser)
    const away = await browser.follow(page, 'Microsoft')
    expect(away.url.pathname).toBe('/common/oauth2/v2.0/authorize')
    const back = await fetch(provider.url + away.url.pathname + away.url.search, { redirect: 'manual' })
    const consent = await browser.open(back.headers.get('location') ?? '')
    expect(consent.html).toContain('Authorize access')
    expect(await usersOf(server)).toMatchObject([{ email: expected, subject: provider.person.sub }])
  })
})

/** The three identity providers, as rows: what has to hold for each. */
const IDENTITY_PROVIDERS: [string, () => Promise<{ server: TestServer; provider: StandIn }>][] = [
  ['GitHub', () => github()],
  ['GitLab', () => gitlab()],
  ['Microsoft', () => microsoft()],
]

const nobody = async (server: TestServer) => expect(await usersOf(server)).toEqual([])

describe.each(IDENTITY_PROVIDERS)('what goes wrong with %s', (label, start) => {
  const attempt = async (server: TestServer) => {
    const { browser, page } = await openLogin(server.url)
    return browser.follow(page, label)
  }

  test('a person who says no is back on the login page, and may choose again', async () => {
    const { server, provider } = await start()
    provider.behaviour.consent = 'deny'
    const page = await attempt(server)
    expect(page.url.pathname).toStartWith('/auth/login/')
    expect(page.html).toContain('That login was cancelled')
    expect(page.html).not.toMatch(/AADSTS|resource owner|has denied your application/)
    expect(page.html).toContain(`Continue with ${label}`)
    await nobody(server)
  })

  test('a code that has expired', async () => {
    const { server, provider } = await start()
    provider.behaviour.codesExpired = true
    expect((await attempt(server)).html).toContain('took too long')
    await nobody(server)
  })

  test('an identity provider that answers 503 to the exchange', async () => {
    const { server, provider } = await start()
    provider.behaviour.broken.set(tokenPath(label), 503)
    expect((await attempt(server)).html).toContain('could not be reached')
    await nobody(server)
  })

  test('a client secret that the identity provider does not know; the log says so, and not the secret', async () => {
    const { server, provider } = await start()
    const secret = provider.clientSecret
    provider.clientSecret = 'rotated'
    expect((await attempt(server)).html).toContain('administrator')
    expect(server.log()).toContain("does not accept this server's client ID and secret")
    expect(server.log()).not.toContain(secret)
    await nobody(server)
  })

  test('another state than ours', async () => {
    const { server, provider } = await start()
    provider.behaviour.state = 'x'.repeat(43)
    const page = await attempt(server)
    expect(page.status).toBe(410)
    expect(page.html).toContain('This login has expired')
    await nobody(server)
  })

  test('an answer in a browser that did not begin (login CSRF, session fixation)', async () => {
    const { server, provider } = await start()
    const thief = httpBrowser({ stopAt: `${server.url}/auth/${segmentOf(label)}/callback` })
    const { page } = await openLogin(server.url, thief)
    const back = await thief.follow(page, label)
    expect(back.url.searchParams.has('code')).toBe(true)
    const victim = await httpBrowser().open(back.url.href)
    expect(victim.status).toBe(410)
    expect(provider.requests.some((line) => line.startsWith('POST'))).toBe(false)
    await nobody(server)
  })

  test('the answer of another identity provider (mix-up)', async () => {
    const { server } = await start()
    const browser = httpBrowser({ stopAt: `${server.url}/auth/${segmentOf(label)}/callback` })
    const { page } = await openLogin(server.url, browser)
    const back = await browser.follow(page, label)
    const other = new URL(back.url)
    other.pathname = `/auth/${label === 'GitHub' ? 'gitlab' : 'github'}/callback`
    expect((await browser.open(other.href)).status).toBe(410)
  })

  test('another issuer in the answer (RFC 9207)', async () => {
    const { server, provider } = await start()
    const callback = `${server.url}/auth/${segmentOf(label)}/callback`
    const browser = httpBrowser({ stopAt: callback })
    const { page } = await openLogin(server.url, browser)
    const back = await browser.follow(page, label)
    back.url.searchParams.set('iss', 'https://evil.example')
    expect((await browser.open(back.url.href)).html).toContain('was not accepted')
    await nobody(server)
    expect(provider.requests.some((line) => line.startsWith('POST'))).toBe(false)
  })

  test('no token of the identity provider, code or verifier is in the log or the database', async () => {
    const { server, provider } = await start()
    await logInWith(server.url, label)
    const log = server.log()
    for (const secret of [provider.clientSecret, provider.authorizations[0]?.get('state') ?? 'x']) {
      expect(log).not.toContain(secret)
    }
    expect(log).not.toMatch(/gho_|code=|eyJ/)
  })
})

const startGitlabWorld = () => startWithIdentityProvider('gitlab', startGitlab)

const startMicrosoftWorld = () =>
  startWithIdentityProvider('microsoft', (callback) => startMicrosoft(callback), { tenant: DIRECTORY })

describe('an ID token that is not to be believed', () => {
  test.each<[string, Record<string, unknown>]>([
    ['another nonce', { nonce: 'another' }],
    ['no nonce', { nonce: undefined }],
    ['another issuer', { iss: 'https://evil.example' }],
    ['another audience', { aud: 'somebody-else' }],
    ['an end in the past', { exp: 1 }],
    ['no subject', { sub: undefined }],
  ])('%s', async (_name, forge) => {
    for (const [label, world] of [
      ['GitLab', await startGitlabWorld()],
      ['Microsoft', await startMicrosoftWorld()],
    ] as const) {
      Object.assign(world.provider, { forge })
      const { browser, page } = await openLogin(world.server.url)
      expect((await browser.follow(page, label)).html).toContain('was not accepted')
      expect(await usersOf(world.server)).toEqual([])
      await world.server.stop()
    }
  })

  test('a signature by a key that the identity provider has not published', async () => {
    for (const [label, world] of [
      ['GitLab', await startGitlabWorld()],
      ['Microsoft', await startMicrosoftWorld()],
    ] as const) {
      world.provider.foreignKey = true
      const { browser, page } = await openLogin(world.server.url)
      expect((await browser.follow(page, label)).html).toContain('was not accepted')
      await world.server.stop()
    }
  })
})

/** The real deadline is 10 s; here every request gives up after 100 ms, in the same way. */
const impatient: Fetch = (url, init) =>
  fetch(url, {
    ...init,
    signal: AbortSignal.any([AbortSignal.timeout(100), ...(init?.signal ? [init.signal] : [])]),
  })

describe('an identity provider that is slow or down', () => {
  test.each(['/login/oauth/access_token', '/api/v3/user', '/api/v3/user/orgs'])(
    'GitHub does not answer on %s',
    async (path) => {
      const { server, provider } = await open(
        startWithIdentityProvider('github', startGithub, { fetch: impatient }),
      )
      provider.behaviour.slow.add(path)
      const { browser, page } = await openLogin(server.url)
      expect((await browser.follow(page, 'GitHub')).html).toContain('could not be reached')
      expect(await usersOf(server)).toEqual([])
    },
  )

  test('GitLab does not say where to go; when it does again, the next login works', async () => {
    const { server, provider } = await gitlab()
    provider.behaviour.broken.set('/.well-known/', 502)
    const { browser, page } = await openLogin(server.url)
    const back = await browser.follow(page, 'GitLab')
    expect(back.html).toContain('could not be reached')
    provider.behaviour.broken.clear()
    expect((await browser.follow(back, 'GitLab')).html).toContain('Authorize access')
  })

  test('a list of organizations that cannot be read lets nobody in', async () => {
    const { server, provider } = await github()
    provider.behaviour.broken.set('/api/v3/user/orgs', 500)
    const { browser, page } = await openLogin(server.url)
    expect((await browser.follow(page, 'GitHub')).html).toContain('could not be reached')
    expect(await usersOf(server)).toEqual([])
  })
})

describe('logins in one browser', () => {
  test('two tabs at an identity provider do not disturb each other', async () => {
    const { server } = await github()
    const callback = `${server.url}/auth/github/callback`
    const browser = httpBrowser({ stopAt: callback })
    const first = await openLogin(server.url, browser)
    const second = await openLogin(server.url, browser)
    const backs = [await browser.follow(first.page, 'GitHub'), await browser.follow(second.page, 'GitHub')]
    for (const back of backs) {
      const page = await browser.open(back.url.href)
      expect(page.html).toContain('Authorize access')
    }
  })

  test('a callback address works once', async () => {
    const { server, provider } = await github()
    const callback = `${server.url}/auth/github/callback`
    const browser = httpBrowser({ stopAt: callback })
    const { page } = await openLogin(server.url, browser)
    const back = await browser.follow(page, 'GitHub')
    expect((await browser.open(back.url.href)).status).toBe(200)
    expect((await browser.open(back.url.href)).status).toBe(410)
    expect(provider.requests.filter((line) => line === 'POST /login/oauth/access_token')).toHaveLength(1)
  })

  test('an identity provider that is not set up has no page', async () => {
    const { server } = await github()
    expect((await fetch(`${server.url}/auth/gitlab`)).status).toBe(404)
    expect((await fetch(`${server.url}/auth/microsoftonline`)).status).toBe(404)
    expect((await fetch(`${server.url}/auth/github/callback`)).status).toBe(410)
  })

  test('S17 S18: the login page offers what is enabled, and nothing else', async () => {
    const { server } = await github()
    const { page } = await openLogin(server.url)
    expect(page.html).toContain('Continue with GitHub')
    expect(page.html).not.toMatch(/GitLab|Microsoft|type="password"/)
    const form = new URLSearchParams({ email: 'a@x.example', password: 'whatever it is' })
    const headers = { origin: server.url }
    const answer = await fetch(page.url, { method: 'POST', body: form, headers })
    expect(answer.status).toBe(410)
  })
})

const me = async (server: TestServer, token: string) => {
  const answer = await fetch(`${server.url}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } })
  return answer.status === 200
    ? ((await answer.json()) as { user: Record<string, unknown> }).user
    : answer.status
}

describe('S165 S166 S167: the documented login with GitHub', () => {
  const CALLBACK = 'http://127.0.0.1:9876/callback'
  const begin = (server: TestServer, query: string) =>
    httpBrowser({ stopAt: CALLBACK }).open(`${server.url}/api/auth/github?${query}`)
  const cli = (more = '') => `cli=true&redirect_uri=${encodeURIComponent(CALLBACK)}${more}`

  test('S165: it redirects to GitHub', async () => {
    const { server, provider } = await github()
    const answer = await fetch(`${server.url}/api/auth/github`, { redirect: 'manual' })
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toStartWith(`${provider.url}/login/oauth/authorize?`)
  })

  test('S167: the token comes to the program that listens on this machine, with its state', async () => {
    const { server } = await github()
    const end = await begin(server, cli('&state=of-the-program'))
    expect(end.url.origin + end.url.pathname).toBe(CALLBACK)
    expect(end.url.searchParams.get('state')).toBe('of-the-program')
    expect(await me(server, end.url.searchParams.get('token') ?? '')).toMatchObject({
      id: 'github:583231',
      provider: 'github',
    })
  })

  test('S167: with a challenge there is a code instead, good once, for whoever has the verifier', async () => {
    const { server } = await github()
    const verifier = 'v'.repeat(64)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const exchange = async (code: string, codeVerifier: string) =>
      fetch(`${server.url}/api/auth/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code, codeVerifier }),
      })
    const end = await begin(server, cli(`&code_challenge=${challenge}`))
    expect(end.url.searchParams.has('token')).toBe(false)
    const code = end.url.searchParams.get('code') ?? ''
    const answer = await exchange(code, verifier)
    const body = (await answer.json()) as { token: string; refreshToken: string }
    expect(await me(server, body.token)).toMatchObject({ id: 'github:583231' })
    expect(body.refreshToken).toBeString()
    expect((await exchange(code, verifier)).status).toBe(401)
    const next = await begin(server, cli(`&code_challenge=${challenge}`))
    const nextCode = next.url.searchParams.get('code') ?? ''
    expect((await exchange(nextCode, 'w'.repeat(64))).status).toBe(401)
    expect((await exchange(nextCode, verifier)).status).toBe(401)
  })

  test('a denial reaches the program as well', async () => {
    const { server, provider } = await github()
    provider.behaviour.consent = 'deny'
    const end = await begin(server, cli('&state=s'))
    expect(Object.fromEntries(end.url.searchParams)).toEqual({ error: 'access_denied', state: 's' })
  })

  test.each([
    'https://evil.example/callback',
    'http://evil.example:9876/callback',
    'http://127.0.0.1.evil.example/callback',
    'http://127.0.0.1@evil.example/callback',
    'http://evil.example#@127.0.0.1/',
    'http://127.0.0.1:9876/callback#x',
    'http://10.0.0.1/callback',
    '//127.0.0.1/callback',
    'javascript:alert(1)',
    'http://127.0.0.1\\@evil.example/',
    'http:evil.example',
    'ftp://127.0.0.1/',
    '',
  ])('S167: only to this machine, not to %s', async (redirectUri) => {
    const { server, provider } = await github()
    const query = new URLSearchParams({ cli: 'true', redirect_uri: redirectUri })
    const answer = await fetch(`${server.url}/api/auth/github?${query.toString()}`, { redirect: 'manual' })
    expect(answer.status).toBe(400)
    expect(answer.headers.get('location')).toBeNull()
    expect(provider.requests).toEqual([])
  })

  test.each([
    `cli=true`,
    `redirect_uri=${encodeURIComponent(CALLBACK)}`,
    `${cli()}&redirect_uri=${encodeURIComponent('https://evil.example')}`,
    `${cli()}&code_challenge=short`,
    `${cli()}&code_challenge=${'x'.repeat(43)}&code_challenge_method=plain`,
    `cli=yes`,
  ])('S167: %s is refused', async (query) => {
    const { server } = await github()
    expect((await fetch(`${server.url}/api/auth/github?${query}`, { redirect: 'manual' })).status).toBe(400)
  })

  test('S166 S163: without cli the browser is logged in, and our own page may have a JWT for it', async () => {
    const { server } = await github()
    const browser = httpBrowser()
    const page = await browser.open(`${server.url}/api/auth/github`)
    expect([page.status, page.url.pathname]).toEqual([200, '/'])
    const settings = await browser.open(`${server.url}/settings/sessions`)
    expect(settings.html).toContain('octocat@example.com')
    const cookie = browser.cookies(settings.url)
    const ask = (headers: Record<string, string>) =>
      fetch(`${server.url}/api/auth/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{}',
      })
    const { token } = (await (await ask({ cookie, origin: server.url })).json()) as { token: string }
    expect(await me(server, token)).toMatchObject({ email: 'octocat@example.com' })
    expect((await ask({ cookie, origin: 'https://evil.example' })).status).toBe(403)
    expect((await ask({ origin: server.url })).status).toBe(401)
  })

  test('S166: whoever comes from GitHub is logged in, also where somebody else was', async () => {
    const { server, provider } = await github()
    const browser = httpBrowser()
    await browser.open(`${server.url}/api/auth/github`)
    const before = browser.cookies(new URL(server.url))
    provider.person.id = 2
    provider.person.emails = [{ email: 'other@example.com', primary: true, verified: true, visibility: null }]
    await browser.open(`${server.url}/api/auth/github`)
    expect((await browser.open(`${server.url}/settings/sessions`)).html).toContain('other@example.com')
    const earlier = await fetch(`${server.url}/settings/sessions`, {
      headers: { cookie: before },
      redirect: 'manual',
    })
    expect(earlier.status).toBe(303)
  })

  test('S166: the callback also answers below /api', async () => {
    const { server } = await github()
    const callback = `${server.url}/auth/github/callback`
    const browser = httpBrowser({ stopAt: callback })
    const back = await browser.open(`${server.url}/api/auth/github`)
    const page = await browser.open(back.url.href.replace('/auth/', '/api/auth/'))
    expect(page.url.pathname).toBe('/')
  })
})

function segmentOf(label: string): string {
  return { GitHub: 'github', GitLab: 'gitlab', Microsoft: 'microsoftonline' }[label] ?? ''
}

function tokenPath(label: string): string {
  if (label === 'GitHub') return '/login/oauth/access_token'
  return label === 'GitLab' ? '/oauth/token' : `/${DIRECTORY}/oauth2/v2.0/token`
}

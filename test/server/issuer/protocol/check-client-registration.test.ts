/** Dynamic client registration, introspection and resource indicators (RFC 7591, 7662 and 8707). */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { oidcRecords } from '../../../../src/server/db/schema.ts'
import {
  authorize,
  Browser,
  decide,
  location,
  logIn,
  post,
  redeem,
  refresh,
  signIn,
  startWorld,
  type TokenAnswer,
  type World,
} from '../issuer-harness.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterEach(() => {
  world.time.ahead = 0
})
afterAll(() => world.stop())

const REDIRECT = 'http://127.0.0.1:33418/'

async function register(metadata: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${world.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof metadata === 'string' ? metadata : JSON.stringify(metadata),
  })
  expect(answer.headers.get('cache-control')).toContain('no-store')
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

describe('a program that registers itself (RFC 7591)', () => {
  test('may log people in, and the consent page says that nobody checked its name', async () => {
    const { status, body } = await register({
      client_name: 'An MCP host',
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      logo_uri: 'https://evil.example/logo.png',
    })
    expect(status).toBe(201)
    // What was asked for and is not given is replaced, and the answer says so (§2, §3.2.1).
    expect(body).toMatchObject({ client_name: 'An MCP host', token_endpoint_auth_method: 'none' })
    for (const absent of ['client_secret', 'logo_uri', 'registration_access_token']) {
      expect(body).not.toHaveProperty(absent)
    }
    const clientId = String(body.client_id)
    const browser = new Browser(world.url)
    // RFC 8252 §7.3: any port of the loopback address.
    const redirectUri = 'http://127.0.0.1:50123/'
    const attempt = authorize({ client_id: clientId, redirect_uri: redirectUri })
    const consent = await signIn(browser, attempt)
    const page = await (await browser.get(consent)).text()
    expect(page).toContain('An MCP host')
    expect(page).toContain('nobody has checked it')
    const callback = await decide(browser, consent, 'authorize')
    const answer = await redeem(world, callback.searchParams.get('code') ?? '', attempt, {
      client_id: clientId,
      redirect_uri: redirectUri,
    })
    const tokens = (await answer.json()) as TokenAnswer
    expect(world.issuer.verifyAccessToken(tokens.access_token)).toMatchObject({ clientId })
    const form = { client_id: clientId, token: tokens.access_token }
    expect((await post(world, '/oauth/revoke', form)).status).toBe(200)
    expect(world.issuer.verifyAccessToken(tokens.access_token)).toBeUndefined()
  })

  test('our own command line is not called unchecked', async () => {
    const browser = new Browser(world.url)
    const consent = await signIn(browser, authorize())
    expect(await (await browser.get(consent)).text()).not.toContain('nobody has checked it')
  })

  test('PKCE and exact redirects hold for it as for all', async () => {
    const { body } = await register({ redirect_uris: ['https://app.example/cb'] })
    const ask = async (params: Record<string, string | undefined>) => {
      const target = authorize({
        client_id: String(body.client_id),
        redirect_uri: 'https://app.example/cb',
        ...params,
      })
      return new Browser(world.url).get(target.target)
    }
    const refused = await ask({ code_challenge: undefined, code_challenge_method: undefined })
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('invalid_request')])
    expect((await ask({ redirect_uri: 'https://app.example/cb/x' })).status).toBe(400)
    expect((await ask({ redirect_uri: 'https://app.example.evil.example/cb' })).status).toBe(400)
  })

  test.each<[string, Record<string, string>, string]>([
    ['prompt=none', { prompt: 'none' }, 'login_required'],
    ['an unknown response mode', { response_mode: 'fragment' }, 'response_mode'],
    ['a request object', { request: 'x' }, 'request_not_supported'],
  ])('sends no browser on before a person took part: %s is an error page', async (_name, params, says) => {
    const { body } = await register({ redirect_uris: ['https://app.example/cb'] })
    const request = { client_id: String(body.client_id), redirect_uri: 'https://app.example/cb', ...params }
    const response = await new Browser(world.url).get(authorize(request).target)
    expect(response.headers.get('location')).toBeNull()
    expect(response.status).toBe(400)
    expect(response.headers.get('content-type')).toStartWith('text/html')
    expect(await response.text()).toContain(says)
  })

  test('a person who says no is sent back to the program', async () => {
    const { body } = await register({ redirect_uris: ['https://app.example/cb'] })
    const attempt = authorize({ client_id: String(body.client_id), redirect_uri: 'https://app.example/cb' })
    const browser = new Browser(world.url)
    const callback = await decide(browser, await signIn(browser, attempt), 'deny')
    expect([callback.host, callback.searchParams.get('error')]).toEqual(['app.example', 'access_denied'])
  })

  test.each([
    'com.example.app:/cb',
    'com.example.app://cb',
    'cursor://anysphere.cursor-retrieval/oauth/callback',
    'vscode://vscode.example/did-authenticate',
    'https://app.example/cb',
    'http://[::1]:9/cb',
  ])('may come back to %s', async (uri) => {
    expect((await register({ redirect_uris: [uri] })).status).toBe(201)
  })

  test.each([
    'search-ms:query=x',
    'ms-msdt:/id',
    'shell:startup',
    'chrome://settings',
    'myapp://cb',
    'intent://x',
    '.app:/cb',
  ])('may not come back to %s, whose scheme can belong to the system', async (uri) => {
    const { status, body } = await register({ redirect_uris: [uri] })
    expect([status, body.error]).toEqual([400, 'invalid_redirect_uri'])
  })

  test('a name with markup in it stays text', async () => {
    const { body } = await register({ client_name: '<script>x</script>', redirect_uris: [REDIRECT] })
    const attempt = authorize({ client_id: String(body.client_id), redirect_uri: REDIRECT })
    const browser = new Browser(world.url)
    const page = await (await browser.get(location(await browser.get(attempt.target)))).text()
    expect(page).toContain('&lt;script&gt;')
    expect(page).not.toContain('<script')
  })

  test.each<[string, unknown, string]>([
    ['no redirect URI', {}, 'invalid_redirect_uri'],
    ['http beyond loopback', { redirect_uris: ['http://app.example/cb'] }, 'invalid_redirect_uri'],
    ['javascript', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    ['data', { redirect_uris: ['data:text/html,x'] }, 'invalid_redirect_uri'],
    ['file', { redirect_uris: ['file:///etc/passwd'] }, 'invalid_redirect_uri'],
    ['a fragment', { redirect_uris: ['https://app.example/cb#x'] }, 'invalid_redirect_uri'],
    ['an empty fragment', { redirect_uris: ['https://app.example/cb#'] }, 'invalid_redirect_uri'],
    ['userinfo', { redirect_uris: ['https://app.example@evil.example/cb'] }, 'invalid_redirect_uri'],
    ['a wildcard', { redirect_uris: ['https://*.example/cb'] }, 'invalid_redirect_uri'],
    ['a path', { redirect_uris: ['/cb'] }, 'invalid_redirect_uri'],
    [
      'too many',
      { redirect_uris: Array.from({ length: 11 }, (_, i) => `https://a.example/${i}`) },
      'invalid_redirect_uri',
    ],
    ['too long', { redirect_uris: [`https://a.example/${'x'.repeat(2000)}`] }, 'invalid_redirect_uri'],
    [
      'the password grant',
      { redirect_uris: [REDIRECT], grant_types: ['password'] },
      'invalid_client_metadata',
    ],
    [
      'our own grant',
      { redirect_uris: [REDIRECT], grant_types: ['urn:fob:params:oauth:grant-type:ticket'] },
      'invalid_client_metadata',
    ],
    [
      'no way to log in',
      { redirect_uris: [REDIRECT], grant_types: ['refresh_token'] },
      'invalid_client_metadata',
    ],
    ['a token response', { redirect_uris: [REDIRECT], response_types: ['token'] }, 'invalid_client_metadata'],
    ['no token at all', { redirect_uris: [REDIRECT], response_types: ['none'] }, 'invalid_client_metadata'],
    [
      'a name too long',
      { redirect_uris: [REDIRECT], client_name: 'x'.repeat(101) },
      'invalid_client_metadata',
    ],
    [
      'control characters',
      { redirect_uris: [REDIRECT], client_name: 'fob\u202e' },
      'invalid_client_metadata',
    ],
    ['a list', [], 'invalid_client_metadata'],
    ['no JSON', '{', 'invalid_client_metadata'],
  ])('is refused with %s', async (_name, metadata, error) => {
    const { status, body } = await register(metadata)
    expect([status, body.error]).toEqual([400, error])
    expect(body.error_description).toBeString()
  })

  test('is forgotten after a day unless somebody has authorized it', async () => {
    const ids = async () =>
      (await world.db.select().from(oidcRecords)).filter((row) => row.kind === 'Client').map((row) => row.id)
    const used = String((await register({ redirect_uris: [REDIRECT] })).body.client_id)
    const unused = String((await register({ redirect_uris: [REDIRECT] })).body.client_id)
    const browser = new Browser(world.url)
    const attempt = authorize({ client_id: used, redirect_uri: REDIRECT })
    await decide(browser, await signIn(browser, attempt), 'authorize')
    world.time.ahead = 23 * 3_600_000
    await world.issuer.purgeExpired()
    expect(await ids()).toContain(unused)
    world.time.ahead = 25 * 3_600_000
    await world.issuer.purgeExpired()
    expect(await ids()).toContain(used)
    expect(await ids()).not.toContain(unused)
  })
})

const introspect = async (token: string, bearer?: string) => {
  const answer = await fetch(`${world.url}/oauth/introspect`, {
    method: 'POST',
    body: new URLSearchParams({ token }),
    headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const introspectedScopes = async (token: string, bearer: string) => {
  const { body } = await introspect(token, bearer)
  return String(body.scope).split(' ').toSorted()
}

describe('introspection (RFC 7662)', () => {
  test('tells the owner of a token what it is', async () => {
    const tokens = await logIn(world, { scope: 'openid runs:read' })
    const { body } = await introspect(tokens.access_token, tokens.access_token)
    expect(body).toMatchObject({
      active: true,
      scope: 'runs:read',
      client_id: 'fob-cli',
      username: 'ada@example.com',
      token_type: 'Bearer',
      sub: world.ada.subject,
      aud: world.url,
      iss: 'fob',
    })
    expect(Number(body.exp)).toBeGreaterThan(Date.now() / 1000)
    const { body: refreshBody } = await introspect(tokens.refresh_token ?? '', tokens.access_token)
    expect(refreshBody).toMatchObject({ active: true, client_id: 'fob-cli' })
  })

  test('tells nothing without a token of this server, nor by a client ID alone', async () => {
    const { access_token: token } = await logIn(world)
    expect((await introspect(token)).status).toBe(401)
    expect((await introspect(token, 'not.a.token')).status).toBe(401)
    const form = { token, client_id: 'fob-cli' }
    expect((await post(world, '/oauth/introspect', form)).status).toBe(401)
  })

  test('tells a member nothing about the tokens of others; an administrator what they are', async () => {
    const { Secret } = await import('../../../../src/redact/secret.ts')
    const bob = { email: 'bob@example.com', password: 'bobs own password' }
    await world.accounts.addLocal({ email: bob.email, password: new Secret(bob.password) })
    const adas = await logIn(world)
    const browser = new Browser(world.url)
    const attempt = authorize()
    const callback = await decide(browser, await signIn(browser, attempt, bob), 'authorize')
    const answer = await redeem(world, callback.searchParams.get('code') ?? '', attempt)
    const bobs = (await answer.json()) as TokenAnswer
    expect((await introspect(adas.access_token, bobs.access_token)).body).toEqual({ active: false })
    expect((await introspect(adas.refresh_token ?? '', bobs.access_token)).body).toEqual({ active: false })
    expect((await introspect(bobs.access_token, adas.access_token)).body).toMatchObject({ active: true })
    expect((await introspect(bobs.refresh_token ?? '', adas.access_token)).body).toEqual({ active: false })
  })

  test('says what a token may do here: of what was consented to, what the role leaves', async () => {
    const { Secret } = await import('../../../../src/redact/secret.ts')
    const tokensOf = async (role: 'member' | 'viewer', scope?: string) => {
      const person = { email: `${role}-${scope?.length ?? 0}@example.com`, password: 'their own password' }
      await world.accounts.addLocal({ ...person, password: new Secret(person.password), role })
      const browser = new Browser(world.url)
      const attempt = authorize(scope === undefined ? {} : { scope })
      const callback = await decide(browser, await signIn(browser, attempt, person), 'authorize')
      const answer = await redeem(world, callback.searchParams.get('code') ?? '', attempt)
      return (await answer.json()) as TokenAnswer
    }
    const viewer = await tokensOf('viewer')
    const reading = ['pipelines:read', 'runners:read', 'runs:read', 'secrets:read']
    expect(await introspectedScopes(viewer.access_token, viewer.access_token)).toEqual(reading)
    const kept = await introspectedScopes(viewer.refresh_token ?? '', viewer.access_token)
    expect(kept.filter((scope) => scope.includes(':'))).toEqual(reading)
    const narrow = await tokensOf('viewer', 'openid runs:read runs:trigger')
    expect(await introspectedScopes(narrow.access_token, narrow.access_token)).toEqual(['runs:read'])
    const member = await tokensOf('member')
    expect(await introspectedScopes(member.access_token, member.access_token)).not.toContain('runners:manage')
  })

  test('tells another program than ours about its own tokens alone, whoever it acts for', async () => {
    const adas = await logIn(world)
    const theirs = await logIn(world, { client_id: 'lone' })
    for (const token of [adas.access_token, adas.refresh_token ?? '']) {
      expect((await introspect(token, theirs.access_token)).body).toEqual({ active: false })
    }
    expect((await introspect(theirs.access_token, theirs.access_token)).body).toMatchObject({ active: true })
    expect((await introspect(theirs.access_token, adas.access_token)).body).toMatchObject({ active: true })
  })

  test('a revoked, an expired, a rotated and an unknown token are all just not active', async () => {
    const asker = await logIn(world)
    const tokens = await logIn(world)
    await post(world, '/oauth/revoke', { client_id: 'fob-cli', token: tokens.access_token })
    const rotated = tokens.refresh_token ?? ''
    await refresh(world, rotated)
    for (const token of [tokens.access_token, rotated, 'unknown', 'a.b.c']) {
      expect((await introspect(token, asker.access_token)).body).toEqual({ active: false })
    }
  })
})

describe('resource indicators (RFC 8707)', () => {
  test('the API may be named, with or without a slash; its token is for it', async () => {
    for (const resource of [world.url, `${world.url}/`]) {
      const { access_token: token } = await logIn(world, { resource })
      expect(world.issuer.verifyAccessToken(token)).toBeDefined()
    }
  })
})

test('our own grant cannot be asked for from outside', async () => {
  const form = {
    grant_type: 'urn:fob:params:oauth:grant-type:ticket',
    client_id: 'fob-api',
    ticket: 'x'.repeat(43),
  }
  const answer = await post(world, '/oauth/token', form)
  expect([answer.status, ((await answer.json()) as { error: string }).error]).toEqual([
    400,
    'unsupported_grant_type',
  ])
  const twice = await fetch(`${world.url}/oauth/token`, {
    method: 'POST',
    body: `grant_type=refresh_token&${new URLSearchParams(form).toString()}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect(twice.status).toBe(400)
})

/** A browser login at the issuer: authorize, consent and scopes, the access token, and refused requests. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { ALL_SCOPES } from '../../../src/contract/token-scopes.ts'
import {
  authorize,
  Browser,
  decide,
  location,
  logIn,
  redeem,
  REDIRECT,
  SESSION_SECRET,
  signIn,
  startWorld,
  type TokenAnswer,
  type World,
} from './issuer-harness.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url')

async function claims(token: string) {
  return (await jwtVerify(token, Buffer.from(SESSION_SECRET), { algorithms: ['HS256'] })).payload
}

describe('a login in a browser', () => {
  test('S200 S201 S205 S206 S208 S210: authorize, login page, consent page, callback, token', async () => {
    const browser = new Browser(world.url)
    const attempt = authorize()
    const login = location(await browser.get(attempt.target))
    expect(login).toMatch(/^\/auth\/login\/[\w-]+$/)
    const page = await (await browser.get(login)).text()
    expect(page).toContain('fob, the command line')

    const resume = location(
      await browser.post(login, { email: 'ada@example.com', password: 'correct horse battery' }),
    )
    const consent = location(await browser.get(resume))
    expect(consent).toMatch(/^\/auth\/consent\/[\w-]+$/)
    const asked = await (await browser.get(consent)).text()
    expect(asked).toContain('ada@example.com')
    expect(asked).toContain('Set and delete secrets')

    const callback = await decide(browser, consent, 'authorize')
    expect(callback.origin + callback.pathname).toBe(REDIRECT)
    expect(callback.searchParams.get('state')).toBe(attempt.state)
    // RFC 9207: the client can tell which server answered.
    expect(callback.searchParams.get('iss')).toBe(world.url)

    const answer = await redeem(world, callback.searchParams.get('code') ?? '', attempt)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const tokens = (await answer.json()) as TokenAnswer
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: ALL_SCOPES.join(' ') })
    expect(tokens.refresh_token).toBeString()
  })

  test.each([8765, 8766, 8767, 8768, 8769])('S214: the redirect to port %d is registered', async (port) => {
    const browser = new Browser(world.url)
    const answer = await browser.get(authorize({ redirect_uri: `http://127.0.0.1:${port}/callback` }).target)
    expect(location(answer)).toStartWith('/auth/login/')
  })

  test('RFC 8252 §7.3: a native client may also listen on another port of the loopback address', async () => {
    const answer = await new Browser(world.url).get(
      authorize({ redirect_uri: 'http://127.0.0.1:49152/callback' }).target,
    )
    expect(location(answer)).toStartWith('/auth/login/')
  })

  test('S210: a second login in the same browser asks for consent again, not for the password', async () => {
    const browser = new Browser(world.url)
    const attempt = authorize()
    await decide(browser, await signIn(browser, attempt), 'authorize')
    expect(location(await browser.get(authorize().target))).toStartWith('/auth/consent/')
    const none = new URL(location(await browser.get(authorize({ prompt: 'none' }).target)))
    expect(none.searchParams.get('error')).toBe('interaction_required')
  })

  test('a denied consent goes back to the client as access_denied, with its state', async () => {
    const browser = new Browser(world.url)
    const attempt = authorize()
    const callback = await decide(browser, await signIn(browser, attempt), 'deny')
    expect(callback.origin + callback.pathname).toBe(REDIRECT)
    expect(Object.fromEntries(callback.searchParams)).toMatchObject({
      error: 'access_denied',
      state: attempt.state,
    })
    expect(callback.searchParams.has('code')).toBe(false)
  })

  test('without a scope, all permissions are asked for, and the consent page lists them', async () => {
    const tokens = await logIn(world, { scope: undefined })
    expect(tokens.scope).toBe(ALL_SCOPES.join(' '))
  })

  test('a token carries what was asked for and consented to, and no more', async () => {
    const tokens = await logIn(world, { scope: 'openid pipelines:read nonsense' })
    expect(tokens.scope).toBe('pipelines:read')
    const verified = world.issuer.verifyAccessToken(tokens.access_token)
    expect(verified?.scopes).toEqual(['pipelines:read'])
  })

  test('somebody else may log in where a session is open, and the earlier session ends', async () => {
    const { Secret } = await import('../../../src/redact/secret.ts')
    const bob = { email: 'bob@example.com', password: 'bobs own password' }
    await world.accounts.addLocal({ email: bob.email, password: new Secret(bob.password) })
    const browser = new Browser(world.url)
    await decide(browser, await signIn(browser, authorize()), 'authorize')
    const earlier = [...browser.cookies]
    const attempt = authorize({ prompt: 'login consent' })
    const callback = await decide(browser, await signIn(browser, attempt, bob), 'authorize')
    const answer = await redeem(world, callback.searchParams.get('code') ?? '', attempt)
    const tokens = (await answer.json()) as TokenAnswer
    expect((await claims(tokens.access_token)).email).toBe(bob.email)
    const stale = new Browser(world.url)
    stale.cookies = earlier
    expect(location(await stale.get(authorize().target))).toStartWith('/auth/login/')
  })
})

describe('the access token', () => {
  let token: string
  let before: number
  beforeAll(async () => {
    before = Math.floor(Date.now() / 1000)
    token = (await logIn(world)).access_token
  })

  test('S28 S29: it is a JWT signed by HS256 with the session secret', async () => {
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'at+jwt' })
    const otherKey = jwtVerify(token, Buffer.from(`${SESSION_SECRET}!`)).then(
      () => 'believed',
      () => 'refused',
    )
    expect(await otherKey).toBe('refused')
  })

  test.each([
    ['S30', 'sub', () => world.ada.subject],
    ['S31', 'email', () => 'ada@example.com'],
    ['S32', 'name', () => 'Ada Lovelace'],
    ['S33', 'nick_name', () => 'ada'],
    ['S34', 'provider', () => 'local'],
    ['S35', 'iss', () => 'fob'],
    ['R5', 'aud', () => world.url],
    ['R5', 'tenant', () => 'default'],
    ['RFC 9068', 'client_id', () => 'fob-cli'],
    ['RFC 9068', 'scope', () => ALL_SCOPES.join(' ')],
  ])('%s: the claim %s', async (_number, claim, value) => {
    expect((await claims(token))[claim]).toBe(value())
  })

  test('S36: iat is the time of issue; R5: jti is there', async () => {
    const { iat = 0, jti } = await claims(token)
    expect(iat).toBeGreaterThanOrEqual(before)
    expect(iat).toBeLessThanOrEqual(before + 20)
    expect(jti).toMatch(/^[\w-]{21,}$/)
  })

  test('R6, S243: beside a refresh token it lives one hour', async () => {
    const { iat = 0, exp } = await claims(token)
    expect(exp).toBe(iat + 3600)
  })

  test('S37 R6: issued alone it lives 30 days', async () => {
    const alone = await logIn(world, { client_id: 'lone' })
    expect(alone.refresh_token).toBeUndefined()
    const { iat = 0, exp } = await claims(alone.access_token)
    expect(exp).toBe(iat + 30 * 24 * 3600)
  })

  test('S38: it is believed, and says who and what for', async () => {
    const verified = world.issuer.verifyAccessToken(token)
    expect(verified?.user).toEqual(world.ada)
    expect(verified?.clientId).toBe('fob-cli')
    expect(verified?.scopes).toEqual([...ALL_SCOPES])
  })
})

test('the ID token is signed by ES256 with a key that the server publishes', async () => {
  const { id_token: idToken = '' } = await logIn(world)
  const keys = (await (await fetch(`${world.url}/oauth/jwks`)).json()) as JSONWebKeySet
  expect(JSON.stringify(keys)).not.toContain('"d"')
  const { payload } = await jwtVerify(idToken, createLocalJWKSet(keys), {
    issuer: world.url,
    audience: 'fob-cli',
  })
  expect(payload).toMatchObject({
    sub: `local:${world.ada.subject}`,
    email: 'ada@example.com',
    name: 'Ada Lovelace',
  })
})

test.each(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'])(
  '%s names what there is',
  async (path) => {
    const answer = await fetch(world.url + path)
    expect(answer.headers.get('content-type')).toStartWith('application/json')
    expect(await answer.json()).toMatchObject({
      issuer: world.url,
      authorization_endpoint: `${world.url}/oauth/authorize`,
      token_endpoint: `${world.url}/oauth/token`,
      revocation_endpoint: `${world.url}/oauth/revoke`,
      userinfo_endpoint: `${world.url}/oauth/userinfo`,
      jwks_uri: `${world.url}/oauth/jwks`,
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code'],
      device_authorization_endpoint: `${world.url}/oauth/device_authorization`,
      registration_endpoint: `${world.url}/oauth/register`,
      introspection_endpoint: `${world.url}/oauth/introspect`,
      introspection_endpoint_auth_methods_supported: ['Bearer'],
      grant_types_supported: [
        'authorization_code',
        'refresh_token',
        'urn:ietf:params:oauth:grant-type:device_code',
      ],
      token_endpoint_auth_methods_supported: ['none'],
      id_token_signing_alg_values_supported: ['ES256'],
      authorization_response_iss_parameter_supported: true,
      scopes_supported: expect.arrayContaining([
        'openid',
        'offline_access',
        'profile',
        'email',
        ...ALL_SCOPES,
      ]),
    })
  },
)

test('what it knows of the scopes is granted, and the one response mode may be named', async () => {
  const tokens = await logIn(world, { scope: 'foo openid runs:read', response_mode: 'query' })
  expect(tokens.scope).toBe('runs:read')
})

describe('what the authorize endpoint refuses', () => {
  test.each<[string, Record<string, string | undefined>, string]>([
    ['no PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['plain PKCE', { code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' }, 'invalid_request'],
    ['PKCE that defaults to plain', { code_challenge_method: undefined }, 'invalid_request'],
    ['a token in the redirect', { response_type: 'token' }, 'unsupported_response_type'],
    ['an ID token in the redirect', { response_type: 'id_token', nonce: 'n' }, 'unsupported_response_type'],
    ['another audience', { resource: 'https://other.example' }, 'invalid_target'],
    ['a request object', { request: 'e30.e30.' }, 'request_not_supported'],
    ['an answer by a posted form', { response_mode: 'form_post' }, 'unsupported_response_mode'],
    ['an answer behind a #', { response_mode: 'fragment' }, 'unsupported_response_mode'],
    ['an answer to a script', { response_mode: 'web_message' }, 'unsupported_response_mode'],
    ['a scope that does not exist', { scope: 'foo' }, 'invalid_scope'],
    ['scopes that do not exist', { scope: 'foo runs:write' }, 'invalid_scope'],
    [
      'a scope that is only about the others',
      { scope: 'offline_access', prompt: 'consent' },
      'invalid_scope',
    ],
    ['a scope that is no word', { scope: 'runs:read  "' }, 'invalid_scope'],
  ])('%s, and tells the client', async (_name, params, error) => {
    const answer = await new Browser(world.url).get(authorize(params).target)
    const to = new URL(location(answer))
    expect(to.origin + to.pathname).toBe(REDIRECT)
    // RFC 6749 §4.2.2.1: what asks for a token is answered behind the #; all others in the query.
    const told = new URLSearchParams(/token/.test(params.response_type ?? '') ? to.hash.slice(1) : to.search)
    expect(told.get('error')).toBe(error)
    expect(told.has('code')).toBe(false)
  })

  test.each([
    ['another path', { redirect_uri: 'http://127.0.0.1:8765/other' }],
    ['localhost, which is not 127.0.0.1', { redirect_uri: 'http://localhost:8765/callback' }],
    ['another host', { redirect_uri: 'https://evil.example/callback' }],
    ['a registered one with something behind', { redirect_uri: `${REDIRECT}?next=https://evil.example` }],
    ['userinfo in front', { redirect_uri: 'http://127.0.0.1:8765@evil.example/callback' }],
    ['no redirect at all', { redirect_uri: undefined }],
    ['an unknown client', { client_id: 'nobody' }],
    ['no client', { client_id: undefined }],
    [
      'another host, and another response mode',
      { redirect_uri: 'https://evil.example/', response_mode: 'form_post' },
    ],
    ['another host, and no scope that exists', { redirect_uri: 'https://evil.example/', scope: 'foo' }],
  ])('S214: %s, on a page and without a redirect', async (_name, params) => {
    const answer = await new Browser(world.url).get(authorize(params).target)
    expect(answer.status).toBe(400)
    expect(answer.headers.get('location')).toBeNull()
    expect(answer.headers.get('content-type')).toStartWith('text/html')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    const page = await answer.text()
    expect(page).toContain('This login cannot go on')
    expect(page).not.toContain('<script')
    expect(page).not.toMatch(/node_modules|\.js:\d/)
  })

  test.each([
    '/session/end/confirm',
    '/device',
    '/reg',
    '/oauth/par',
    '/OAUTH/TOKEN',
    '/oauth/token/',
    '/interaction/x',
    '/',
  ])('the path %s is not part of the protocol', async (path) => {
    expect((await fetch(world.url + path, { method: 'POST' })).status).toBe(404)
  })

  test('a POST to the authorize endpoint is answered with 405', async () => {
    const answer = await fetch(`${world.url}/oauth/authorize`, { method: 'POST' })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })
})

test('the caller cannot make the server speak of another host', async () => {
  const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }
  const answer = await fetch(`${world.url}/.well-known/openid-configuration`, { headers })
  expect(await answer.text()).not.toContain('evil.example')
})

test('S19: cookies are encrypted, HttpOnly and SameSite=Lax', async () => {
  const browser = new Browser(world.url)
  const login = location(await browser.get(authorize().target))
  const uid = login.split('/').at(-1) ?? 'none'
  expect(new Set(browser.cookies.map((cookie) => cookie.name))).toEqual(
    new Set(['fob_interaction', 'fob_resume']),
  )
  for (const { line, value } of browser.cookies) {
    expect(line).toMatch(/httponly/i)
    expect(line).toMatch(/samesite=lax/i)
    expect(value).not.toContain(uid)
    expect(Buffer.from(value, 'base64url').toString('latin1')).not.toContain(uid)
  }
})

test('behind TLS, cookies are Secure and carry the prefixes that browsers enforce', async () => {
  const secure = await startWorld({ publicUrl: 'https://ci.example.com' })
  try {
    const request = new Request(`https://ci.example.com${authorize().target}`)
    const lines = (await secure.issuer.handle(request)).headers.getSetCookie()
    expect(new Set(lines.map((line) => line.split('=')[0]))).toEqual(
      new Set(['__Secure-fob_interaction', '__Secure-fob_resume']),
    )
    for (const line of lines) expect(line).toMatch(/; secure/i)
  } finally {
    await secure.stop()
  }
})

test('a session cookie of another server, or under another name, opens nothing', async () => {
  const browser = new Browser(world.url)
  await decide(browser, await signIn(browser, authorize()), 'authorize')
  const session = browser.cookies.find((cookie) => cookie.name === 'fob_session')
  expect(session).toBeDefined()
  const other = await world.reopen('quite another secret, also of 32 bytes')
  const ask = async (issuer: World['issuer'], cookie: string) =>
    location(await issuer.handle(new Request(world.url + authorize().target, { headers: { cookie } })))
  expect(await ask(world.issuer, `fob_session=${session?.value}`)).toStartWith('/auth/consent/')
  expect(await ask(other, `fob_session=${session?.value}`)).toStartWith('/auth/login/')
  const resume = browser.cookies.find((cookie) => cookie.name !== 'fob_session')
  expect(await ask(world.issuer, `fob_session=${resume?.value ?? 'x'}`)).toStartWith('/auth/login/')
})

test('PKCE: a code is worth nothing without its verifier', async () => {
  const browser = new Browser(world.url)
  const attempt = authorize()
  const callback = await decide(browser, await signIn(browser, attempt), 'authorize')
  const code = callback.searchParams.get('code') ?? ''
  const wrong = await redeem(world, code, { ...attempt, verifier: sha256('a guess') })
  expect([wrong.status, ((await wrong.json()) as { error: string }).error]).toEqual([400, 'invalid_grant'])
  const otherRedirect = await redeem(world, code, attempt, { redirect_uri: 'http://127.0.0.1:8766/callback' })
  expect(otherRedirect.status).toBe(400)
  const otherClient = await redeem(world, code, attempt, { client_id: 'lone' })
  expect(otherClient.status).toBe(400)
  expect((await redeem(world, code, attempt)).status).toBe(200)
})

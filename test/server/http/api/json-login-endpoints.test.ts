/** The JSON API of logins: login, refresh and logout, slowed-down guesses, CSRF and malformed bodies. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { decodeJwt } from 'jose'
import { systemClock } from '../../../../src/platform/clock.ts'
import { ADA, BOB, startLocalWorld } from '../../../support/servers/server-with-accounts.ts'
import { logIn } from '../../../support/servers/oauth-login.ts'
import { startServer, type TestServer } from '../../../support/servers/test-server.ts'

let server: TestServer
let session: Promise<Answer>
/** Where the server's time stands still, if it does. */
let standsAt: number | undefined
beforeAll(async () => {
  server = await startLocalWorld({ ...systemClock, now: () => standsAt ?? Date.now() })
  session = login()
})
afterAll(() => server.stop())

interface Answer {
  token: string
  refreshToken: string
  user: { id: string; email: string; role: string }
}

const call = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/api/auth/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const login = async (account = ADA) => (await (await call('login', account)).json()) as Answer
const get = (path: string, token: string) =>
  fetch(server.url + path, { headers: { authorization: `Bearer ${token}` } })

describe('a body that is not what a route takes', () => {
  const TOKEN = 'canary-of-a-token'
  test.each<[path: string, body: unknown, said: string]>([
    ['login', { email: 'a@b' }, 'password is missing'],
    ['login', {}, 'email is missing'],
    ['login', '', 'email is missing'],
    ['login', { ...ADA, hostname: TOKEN }, 'hostname is not known here'],
    ['login', { ...ADA, ['x\u001b[31m'.repeat(40)]: 1 }, `${'x\ufffd[31m'.repeat(10)}… is not known here`],
    ['login', { emial: TOKEN, password: TOKEN }, 'emial is not known here, did you mean "email"?'],
    ['login', { email: 'a@b', password: [TOKEN] }, 'password must be text'],
    ['refresh', { refreshToken: '' }, 'refreshToken: the token is empty'],
    ['login', { email: 'a@b', password: null }, 'password must be text'],
    ['refresh', [], 'the body must be an object'],
    ['refresh', [{ refreshToken: TOKEN }], 'the body must be an object'],
    ['refresh', 'null', 'the body must be an object'],
    ['refresh', `"${TOKEN}"`, 'the body must be an object'],
    ['logout', { refresh_token: TOKEN }, 'refresh_token is not known here, did you mean "refreshToken"?'],
    ['token', { code: 5 }, 'code must be text'],
    ['cli-tokens', { name: 'x' }, 'scopes is missing'],
    ['cli-tokens', { name: 'x', scopes: 'runs:read' }, 'scopes must be a list'],
    ['cli-tokens', { name: 'x', scopes: [7] }, 'scopes.0 must be text'],
    ['cli-tokens', { name: 'x', scopes: ['runs:read'], expiresIn: '60' }, 'expiresIn must be a number'],
    [
      'cli-tokens',
      { name: 'x', scopes: ['runs:read'], allPipelines: 'yes' },
      'allPipelines must be true or false',
    ],
  ])('%s of %j: %s', async (path, body, said) => {
    const { token } = await session
    const answer = await call(path, body, { authorization: `Bearer ${token}` })
    const text = await answer.text()
    expect(answer.status).toBe(400)
    const { message, hint } = JSON.parse(text) as { message: string; hint?: string }
    expect(hint === undefined ? message : `${message}, ${hint}`).toBe(said)
    expect(text).not.toContain(TOKEN)
  })

  test('the name of a field that nobody knows is cut, and drives no terminal', async () => {
    const answer = await call('login', { ...ADA, ['\u001b[31m'.repeat(40)]: 1 })
    expect(((await answer.json()) as { message: string }).message).toBe(
      `${'\ufffd[31m'.repeat(12)}… is not known here`,
    )
  })

  test.each([
    ['APPLICATION/JSON', 200],
    ['Application/Json ; charset=UTF-8', 200],
    ['application/json-patch', 415],
    ['text/plain; x=application/json', 415],
  ])('declared as %s it is answered with %d', async (type, status) => {
    expect((await call('login', ADA, { 'content-type': type })).status).toBe(status)
  })
})

describe('S161 S162: POST /api/auth/login', () => {
  test('answers {token, refreshToken, user:{id,email,role}}', async () => {
    const answer = await call('login', ADA)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const body = (await answer.json()) as Answer
    expect(body.refreshToken).toBeString()
    expect(body.user).toMatchObject({ email: ADA.email, role: 'admin' })
    expect(body.user.id).toStartWith('local:')
    const { iat = 0, exp = 0, ...claims } = decodeJwt(body.token)
    expect(claims).toMatchObject({ iss: 'fob', email: ADA.email, provider: 'local' })
    expect(exp - iat).toBe(3600)
    expect((await login(BOB)).user.role).toBe('member')
  })

  test('S163: the token works as a bearer token on the API, and GET /api/auth/me says whose it is', async () => {
    const { token, user } = await login()
    expect((await get('/api/pipelines', token)).status).toBe(200)
    expect(await (await get('/api/auth/me', token)).json()).toMatchObject({ user })
    expect((await fetch(`${server.url}/api/auth/me`)).status).toBe(401)
  })

  test('a wrong password and an unknown e-mail are answered alike', async () => {
    const answers = await Promise.all(
      [
        { ...ADA, password: 'not the password' },
        { ...ADA, email: 'nobody@example.com' },
      ].map((body) => call('login', body)),
    )
    const [first, second] = await Promise.all(answers.map((answer) => answer.text()))
    expect(answers.map(({ status }) => status)).toEqual([401, 401])
    expect(first).toBe(second ?? '')
    expect(first).not.toMatch(/not the password|nobody/)
  })

  test('guessing is slowed down, with the time to wait', async () => {
    // On a busy machine five guesses take longer than the wait that they earn.
    standsAt = Date.now()
    const guess = { email: 'target@example.com', password: 'guess' }
    for (let i = 0; i < 5; i++) await call('login', guess)
    const answer = await call('login', guess)
    standsAt = undefined
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1'])
    // Of what refused, not of the route's allowance, of which there is plenty.
    const told = ['limit', 'remaining', 'reset'].map((name) => answer.headers.get(`ratelimit-${name}`))
    expect(told).toEqual(['1', '0', '1'])
  })

  test.each<[string, unknown, number]>([
    ['no body', '', 400],
    ['a missing field', { email: ADA.email }, 400],
    ['a surplus field', { ...ADA, role: 'admin' }, 400],
    ['another type', { email: [ADA.email], password: ADA.password }, 400],
    ['no JSON', '{', 400],
  ])('is refused with %s, without repeating what came', async (_name, body, status) => {
    const answer = await call('login', body)
    expect(answer.status).toBe(status)
    expect(await answer.text()).not.toContain(ADA.password)
  })

  test('CSRF: another website cannot log anybody in', async () => {
    expect((await call('login', ADA, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await call('login', JSON.stringify(ADA), { 'content-type': 'text/plain' })).status).toBe(415)
  })

  test('without OAuth there is none of it', async () => {
    const open = await startServer({ vaultKey: 'none' })
    try {
      for (const path of ['login', 'refresh', 'logout', 'token']) {
        const body = { ...ADA, refreshToken: 'x' }
        const answer = await fetch(`${open.url}/api/auth/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
        expect(answer.status).toBe(404)
      }
    } finally {
      await open.stop()
    }
  })
})

const refresh = (refreshToken: string) => call('refresh', { refreshToken })

describe('S164: POST /api/auth/refresh', () => {
  test('gives new tokens; parallel calls get the same ones', async () => {
    const first = await login()
    const answers = await Promise.all([1, 2, 3].map(() => refresh(first.refreshToken)))
    const bodies = await Promise.all(answers.map(async (answer) => (await answer.json()) as Answer))
    expect(new Set(bodies.map(({ refreshToken }) => refreshToken)).size).toBe(1)
    const [second] = bodies
    expect(second?.refreshToken).not.toBe(first.refreshToken)
    expect(second?.user).toMatchObject({ email: ADA.email, role: 'admin' })
    expect((await get('/api/pipelines', second?.token ?? '')).status).toBe(200)
    expect((await refresh(second?.refreshToken ?? '')).status).toBe(200)
  })

  test.each([
    ['noise', async () => 'noise'],
    ['an access token', async () => (await login()).token],
    ['the refresh token of another client', async () => (await logIn(server.url, ADA)).refresh_token],
  ])('%s is refused', async (_name, token) => {
    expect((await refresh(await token())).status).toBe(401)
  })
})

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe('POST /api/auth/logout', () => {
  test('ends the login whose token is presented: the refresh token with it', async () => {
    const mine = await login()
    const other = await login()
    expect((await call('logout', {}, bearer(mine.token))).status).toBe(204)
    expect((await get('/api/auth/me', mine.token)).status).toBe(401)
    expect((await call('refresh', { refreshToken: mine.refreshToken })).status).toBe(401)
    expect((await get('/api/auth/me', other.token)).status).toBe(200)
  })

  test('works with the refresh token alone, when the access token has expired', async () => {
    const mine = await login()
    expect((await call('logout', { refreshToken: mine.refreshToken })).status).toBe(204)
    expect((await get('/api/auth/me', mine.token)).status).toBe(401)
  })

  test('needs one of the two', async () => {
    expect((await call('logout', {})).status).toBe(401)
    expect((await call('logout', {}, bearer('a.b.c'))).status).toBe(401)
  })
})

test('no log line holds a password or a token', async () => {
  const { token, refreshToken } = await login()
  await call('refresh', { refreshToken })
  for (const secret of [ADA.password, token, refreshToken]) expect(server.log()).not.toContain(secret)
})

/** The table of guards: each route has a guard and a rate limit, and each response its headers. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { DEVICE_GRANT } from '../../../../src/contract/cli-oauth-client.ts'
import { openForwarded } from '../../../../src/server/http/request/client-address-behind-proxies.ts'
import { listen } from '../../../../src/server/listen-before-app.ts'
import { jsonLog } from '../../../../src/server/log.ts'
import { type Guard, ROUTES } from '../../../../src/server/http/routes.ts'
import { localAccounts, startServer, type TestServer } from '../../../support/servers/test-server.ts'

/** Every route, who may call it, and as what it is counted. A route that is not here has not been thought about. */
const TABLE: [method: string, path: string, guard: Guard, limit?: string][] = [
  ['GET', '/', 'none'],
  ['GET', '/assets/fob.css', 'none'],
  ['GET', '/assets/local-times.js', 'none'],
  ['GET', '/assets/copy-buttons.js', 'none'],
  ['GET', '/assets/run.js', 'none'],
  ['GET', '/assets/run-tasks.js', 'none'],
  ['GET', '/assets/log-text.js', 'none'],
  ['GET', '/assets/open-invitation.js', 'none'],
  ['GET', '/health', 'none'],
  ['GET', '/health/live', 'none'],
  ['GET', '/metrics', 'metrics'],
  ['GET', '/.well-known/oauth-authorization-server', 'protocol'],
  ['GET', '/.well-known/openid-configuration', 'protocol'],
  ['GET', '/.well-known/oauth-protected-resource', 'none'],
  ['GET', '/.well-known/oauth-protected-resource/mcp', 'none'],
  ['GET', '/oauth/authorize', 'protocol', 'authorize'],
  ['POST', '/oauth/authorize', 'protocol', 'authorize'],
  ['GET', '/oauth/authorize/:uid', 'protocol', 'authorize'],
  ['POST', '/oauth/token', 'protocol', 'token'],
  ['POST', '/oauth/revoke', 'protocol', 'token'],
  ['POST', '/oauth/introspect', 'protocol', 'token'],
  ['POST', '/oauth/register', 'protocol', 'registration'],
  ['POST', '/oauth/device_authorization', 'protocol', 'device'],
  ['GET', '/oauth/jwks', 'protocol'],
  ['GET', '/oauth/userinfo', 'any'],
  ['POST', '/oauth/userinfo', 'any'],
  ['GET', '/auth/device', 'protocol', 'authorize'],
  ['POST', '/auth/device', 'protocol', 'device'],
  ['GET', '/auth/device/:uid', 'protocol', 'authorize'],
  ['GET', '/auth/login', 'none'],
  ['GET', '/auth/return', 'none'],
  ['GET', '/auth/logout', 'session'],
  ['POST', '/auth/logout', 'session'],
  ['GET', '/settings', 'none'],
  ['GET', '/settings/', 'none'],
  ['GET', '/settings/sessions', 'session'],
  ['POST', '/settings/sessions', 'session'],
  ['GET', '/settings/password', 'session'],
  ['POST', '/settings/password', 'session', 'login'],
  ['PUT', '/api/auth/password', 'person', 'login'],
  ['GET', '/auth/github', 'none', 'login'],
  ['GET', '/auth/github/callback', 'none', 'login'],
  ['GET', '/auth/gitlab', 'none', 'login'],
  ['GET', '/auth/gitlab/callback', 'none', 'login'],
  ['GET', '/auth/microsoftonline', 'none', 'login'],
  ['GET', '/auth/microsoftonline/callback', 'none', 'login'],
  ['GET', '/auth/login/:uid', 'interaction'],
  ['POST', '/auth/login/:uid', 'interaction', 'login'],
  ['GET', '/auth/consent/:uid', 'interaction'],
  ['POST', '/auth/consent/:uid', 'interaction', 'authorize'],
  ['POST', '/api/auth/login', 'none', 'login'],
  ['POST', '/api/auth/refresh', 'none', 'token'],
  ['POST', '/api/auth/token', 'none', 'token'],
  ['POST', '/api/auth/logout', 'none', 'token'],
  ['GET', '/api/auth/me', 'any'],
  ['GET', '/api/auth/github', 'none', 'login'],
  ['GET', '/api/auth/github/callback', 'none', 'login'],
  ['GET', '/api/v1/profile', 'any'],
  ['GET', '/api/v1/tenants', 'any'],
  ['GET', '/api/audit', 'administrator'],
  ['GET', '/api/members', 'administrator'],
  ['PUT', '/api/members/:who', 'administrator'],
  ['DELETE', '/api/members/:who', 'administrator'],
  ['GET', '/api/invitations', 'administrator'],
  ['POST', '/api/invitations', 'administrator', 'token-creation'],
  ['DELETE', '/api/invitations/:id', 'administrator'],
  ['GET', '/invitation', 'none'],
  ['POST', '/invitation', 'interaction', 'login'],
  ['GET', '/invitation/login', 'none', 'login'],
  ['POST', '/invitation/accept', 'session', 'login'],
  ['POST', '/invitation/account', 'interaction', 'login'],
  ['POST', '/settings/invitations', 'session', 'token-creation'],
  ['GET', '/settings/tenants', 'session'],
  ['POST', '/settings/tenants', 'session'],
  ['GET', '/settings/members', 'session'],
  ['POST', '/settings/members', 'session'],
  ['GET', '/settings/audit', 'session'],
  ['GET', '/settings/tokens', 'session'],
  ['GET', '/settings/tokens/new', 'session'],
  ['POST', '/settings/tokens/new', 'session', 'token-creation'],
  ['POST', '/settings/tokens/revoke', 'session'],
  ['POST', '/api/auth/cli-tokens', 'person', 'token-creation'],
  ['GET', '/api/auth/cli-tokens', 'person'],
  ['DELETE', '/api/auth/cli-tokens/current', 'any'],
  ['DELETE', '/api/auth/cli-tokens/:id', 'person'],
  ['POST', '/api/auth/service-token', 'service-key', 'token-creation'],
  ['POST', '/api/auth/download-token', 'person', 'token-creation'],
  ['GET', '/api/runners', 'runners:read'],
  ['POST', '/api/runners', 'runners:manage', 'token-creation'],
  ['POST', '/api/runners/heartbeat', 'runner'],
  ['GET', '/api/runners/install.sh', 'runners:read'],
  ['GET', '/api/runners/:id', 'runners:read'],
  ['PUT', '/api/runners/:id', 'runners:manage'],
  ['DELETE', '/api/runners/:id', 'runners:manage'],
  ['POST', '/api/runners/:id/regenerate', 'runners:manage', 'token-creation'],
  ['GET', '/api/pipelines', 'pipelines:read'],
  ['GET', '/api/pipelines/:name', 'pipelines:read'],
  ['PUT', '/api/pipelines/:name', 'pipelines:write'],
  ['DELETE', '/api/pipelines/:name', 'pipelines:write'],
  ['POST', '/api/pipelines/:name/run', 'runs:trigger'],
  ['POST', '/api/pipelines/:name/pause', 'pipelines:write'],
  ['POST', '/api/pipelines/:name/unpause', 'pipelines:write'],
  ['PUT', '/api/pipelines/:name/webhook', 'pipelines:write'],
  ['DELETE', '/api/pipelines/:name/webhook', 'pipelines:write'],
  ['POST', '/api/webhooks/:pipeline', 'signature', 'webhook'],
  ['GET', '/api/runs', 'runs:read'],
  ['GET', '/api/runs/:id', 'run-follower'],
  ['GET', '/api/runs/:id/events', 'run-follower'],
  ['GET', '/api/runs/:id/log', 'run-follower'],
  ['POST', '/api/runs/:id/stop', 'runs:trigger'],
  ['GET', '/secrets', 'page:secrets:read'],
  ['POST', '/secrets', 'page:secrets:write'],
  ['GET', '/pipelines', 'page:pipelines:read'],
  ['GET', '/pipelines/:name', 'page:pipelines:read'],
  ['POST', '/pipelines/:name', 'page:runs:trigger'],
  ['GET', '/runs', 'page:runs:read'],
  ['GET', '/runs/:id', 'page:runs:read'],
  ['POST', '/runs/:id', 'page:runs:trigger'],
  ['GET', '/runs/:id/events', 'page:runs:read'],
  ['GET', '/runs/:id/log', 'page:runs:read'],
  ['POST', '/api/runs/:id/resume', 'runs:trigger'],
  ['POST', '/api/runs/:id/again', 'runs:trigger'],
  ['GET', '/api/secrets', 'secrets:read'],
  ['PUT', '/api/secrets/:key', 'secrets:write'],
  ['DELETE', '/api/secrets/:key', 'secrets:write'],
  ['POST', '/api/secrets/rewrap', 'secrets:write'],
  ['POST', '/mcp', 'any'],
  ['GET', '/mcp', 'any'],
  ['DELETE', '/mcp', 'any'],
]

describe('the table of guards', () => {
  test('lists every route with its guard and its limit, in any order', () => {
    const inTable = TABLE.map((row) => row.join(' ')).toSorted()
    const inCode = ROUTES.map(({ method, path, guard, limit }) =>
      [method, path, guard, ...(limit === undefined ? [] : [limit])].join(' '),
    ).toSorted()
    expect(inCode).toEqual(inTable)
  })

  test('nothing that changes something is open to everyone, but for the documents\u2019 own logins', () => {
    const open = ROUTES.filter(({ guard, method }) => guard === 'none' && method !== 'GET')
    expect(open.every(({ path }) => path.startsWith('/api/auth/'))).toBe(true)
    expect(open.every(({ limit }) => limit !== undefined)).toBe(true)
  })

  test('whatever takes or makes a credential is limited', () => {
    const takes =
      /login|\/token$|cli-tokens$|device|register|regenerate|tokens\/new|service-token|download-token/
    const without = ROUTES.filter(
      ({ method, path, limit }) => method === 'POST' && takes.test(path) && !limit,
    )
    expect(without.map(({ path }) => path)).toEqual([])
  })
})

const lines = (n: number) => Array.from({ length: n }, (_, i) => `X-${i}: 1\r\n`).join('')

describe('every answer', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer({ strategy: localAccounts, trustedProxies: ['127.0.0.1'] })
  })
  afterAll(() => server.stop())

  test.each([
    ['/health', 200],
    ['/', 200],
    ['/assets/fob.css', 200],
    ['/nothing', 404],
    ['/api/pipelines', 401],
    ['/oauth/jwks', 200],
    ['/oauth/authorize', 400],
    ['/settings/audit', 303],
    ['/auth/login/x', 410],
    ['/.well-known/oauth-authorization-server', 200],
  ])('%s (%d) carries the headers that protect it', async (path, status) => {
    const { headers, status: got } = await fetch(`${server.url}${path}`, { redirect: 'manual' })
    expect(got).toBe(status)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('referrer-policy')).toMatch(/^(no-referrer|same-origin)$/)
    expect(headers.get('cache-control')).not.toBeNull()
    expect(headers.get('x-request-id') ?? '').toMatch(status < 400 ? /^$/ : /^[0-9a-f-]{36}$/)
    // Over plain HTTP it would be ignored, and does not belong there.
    expect(headers.get('strict-transport-security')).toBeNull()
    // RFC 9110 §9.3.2: a HEAD is told what a GET would be, and §8.6: its length is that or is not said.
    const head = await fetch(`${server.url}${path}`, { method: 'HEAD', redirect: 'manual' })
    expect([head.status, await head.text()]).toEqual([status, ''])
    for (const name of ['content-type', 'content-length', 'location', 'cache-control']) {
      expect([name, head.headers.get(name)]).toEqual([name, headers.get(name)])
    }
  })

  test.each(['/nothing', '/settings/nothing', '/runs/a/b', '/auth/%zz'])(
    'an unknown address is a page with a way home for a browser, with those headers too (%s)',
    async (path) => {
      const answer = await fetch(`${server.url}${path}`, { headers: { accept: 'text/html,*/*;q=0.8' } })
      const { headers } = answer
      expect([answer.status, headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8'])
      expect(await answer.text()).toContain('<a class="button" href="/">')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
      expect(headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(headers.get('cache-control')).toBe('no-store')
    },
  )

  test('tells browsers to stay with TLS where the server is behind it', async () => {
    const behind = await startServer({
      strategy: () => localAccounts('https://ci.example.com'),
    })
    const { headers } = await fetch(`${behind.url}/health`)
    expect(headers.get('strict-transport-security')).toBe('max-age=31536000')
    await behind.stop()
  })

  /** As it is sent: what `fetch` would tidy up. */
  const raw = (text: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(text))
      let answer = ''
      socket.on('data', (data) => (answer += data.toString()))
      socket.on('close', () => resolve(answer.slice(0, answer.indexOf('\r\n'))))
      socket.on('error', () => resolve(answer))
    })
  const head = 'Host: 127.0.0.1\r\nConnection: close\r\n'

  test.each([
    ['an address of 8 KiB', `GET /health?${'a'.repeat(8100)} HTTP/1.1\r\n${head}\r\n`, '200'],
    ['a longer one', `GET /health?${'a'.repeat(8200)} HTTP/1.1\r\n${head}\r\n`, '414'],
    ['one that is longer than any head', `GET /${'a'.repeat(40_000)} HTTP/1.1\r\n${head}\r\n`, '431'],
    ['two Hosts', `GET /health HTTP/1.1\r\nHost: evil.example\r\n${head}\r\n`, '400'],
    ['the same Host twice', `GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n${head}\r\n`, '400'],
    ['no Host', `GET /health HTTP/1.1\r\nConnection: close\r\n\r\n`, '400'],
    ['two lengths', `POST /mcp HTTP/1.1\r\n${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`, '400'],
    [
      'a length beside chunks',
      `POST /mcp HTTP/1.1\r\n${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      '400',
    ],
    ['90 header fields', `GET /health HTTP/1.1\r\n${head}${lines(90)}\r\n`, '200'],
    ['101 header fields', `GET /health HTTP/1.1\r\n${head}${lines(101)}\r\n`, '431'],
    ['1000 header fields', `GET /health HTTP/1.1\r\n${head}${lines(1000)}\r\n`, '431'],
    ['a field of 20 KiB', `GET /health HTTP/1.1\r\n${head}X-A: ${'a'.repeat(20_000)}\r\n\r\n`, '431'],
    [
      'a body that says it has 1 GiB',
      `POST /api/auth/login HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n{`,
      '413',
    ],
  ])('%s', async (_name, request, status) => {
    expect(await raw(request)).toContain(` ${status} `)
  })

  const tryLogin = (address: string) =>
    fetch(`${server.url}/oauth/device_authorization`, {
      method: 'POST',
      headers: { 'x-forwarded-for': address },
      body: new URLSearchParams({ client_id: 'nobody' }),
    })

  test('says how much of an allowance is left, and refuses with 429 beyond it, by the address of the client', async () => {
    const first = await tryLogin('203.0.113.1')
    expect(first.status).not.toBe(429)
    const limit = Number(first.headers.get('ratelimit-limit'))
    expect(Number(first.headers.get('ratelimit-remaining'))).toBe(limit - 1)
    for (let i = 0; i < limit + 5; i++) await tryLogin('203.0.113.1').then((answer) => answer.text())
    const refused = await tryLogin('203.0.113.1')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('ratelimit-remaining')).toBe('0')
    expect(refused.headers.get('ratelimit-reset')).toMatch(/^\d+$/)
    expect(await refused.json()).toMatchObject({ error: 'rate_limited', retryAfter: expect.any(Number) })
    expect((await tryLogin('203.0.113.2')).status).not.toBe(429)
  })

  test('a client cannot get a fresh allowance by naming an address of its own before the real one', async () => {
    // What the client sends stands to the left of what the proxy has seen.
    expect((await tryLogin('198.51.100.77, 203.0.113.1')).status).toBe(429)
    const untrusting = openForwarded([])
    expect(untrusting.clientAddress('192.0.2.1', new Headers({ 'x-forwarded-for': '203.0.113.1' }))).toBe(
      '192.0.2.1',
    )
  })

  const askForToken = (form: Record<string, string>) =>
    fetch(`${server.url}/oauth/token`, {
      method: 'POST',
      headers: { 'x-forwarded-for': '203.0.113.7' },
      body: new URLSearchParams({ client_id: 'fob-cli', ...form }),
    })
  const askForJunk = () => askForToken({ grant_type: 'nothing' })

  test('a device that polls beyond the allowance is told to slow down, in the words of RFC 8628 §3.5', async () => {
    const limit = Number((await askForJunk()).headers.get('ratelimit-limit'))
    // The allowance grows all the time, so what is asked goes along with others until it meets none.
    const refusalOf = async (form: Record<string, string>) => {
      let asked = await askForToken(form)
      for (let sent = 0; asked.status !== 429 && sent < 5 * limit; sent += 20) {
        const others = Array.from({ length: 20 }, askForJunk)
        asked = await askForToken(form)
        await Promise.all(others)
      }
      return asked
    }
    const polled = await refusalOf({ grant_type: DEVICE_GRANT, device_code: 'some' })
    expect(polled.status).toBe(429)
    expect(Number(polled.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await polled.json()).toMatchObject({ error: 'slow_down', error_description: expect.any(String) })
    const refreshed = await refusalOf({ grant_type: 'refresh_token' })
    expect(await refreshed.json()).toMatchObject({ error: 'rate_limited' })
  })
})

describe('an answer that no app makes', () => {
  let log = ''
  const listener = listen({
    hostname: '127.0.0.1',
    port: 0,
    publicUrl: 'https://ci.example.com',
    log: jsonLog((line) => void (log += line), Date.now),
  })
  afterAll(() => listener.server.stop(true))

  const ask = async (path: string, accept = '*/*') => {
    const answer = await fetch(`${listener.url}${path}`, { headers: { accept } })
    const { headers } = answer
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('referrer-policy')).toMatch(/^(no-referrer|same-origin)$/)
    expect(headers.get('strict-transport-security')).toBe('max-age=31536000')
    return { status: answer.status, headers, text: await answer.text() }
  }

  test('while the server starts, a program reads JSON and a person a page; both are told when to come back', async () => {
    const program = await ask('/api/v1/profile')
    expect(program).toMatchObject({ status: 503, text: expect.stringContaining('"error":"starting"') })
    expect(program.headers.get('retry-after')).toBe('1')
    const person = await ask('/settings/tokens', 'text/html')
    expect(person).toMatchObject({ status: 503, text: expect.stringContaining('The server is starting') })
    expect(person.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect([person.headers.get('retry-after'), person.headers.get('cache-control')]).toEqual([
      '1',
      'no-store',
    ])
    expect(await ask('/assets/fob.css')).toMatchObject({
      status: 200,
      text: expect.stringContaining('.brand'),
    })
  })

  test('a defect that the app did not catch says nothing of itself but where it was, in the log', async () => {
    listener.attach({
      fetch: () => {
        throw new TypeError('canary-in-an-error')
      },
    })
    const { status, text, headers } = await ask('/', 'text/html')
    expect([status, JSON.parse(text)]).toEqual([
      500,
      expect.objectContaining({ error: 'internal', requestId: headers.get('x-request-id') }),
    ])
    expect(log).toContain(`"requestId":"${headers.get('x-request-id')}","kind":"TypeError"`)
    expect(text + log).not.toContain('canary')
  })
})

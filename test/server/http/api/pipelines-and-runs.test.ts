/** Pipelines, runs and secrets over the API, on an open server, with Basic and with OAuth. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { systemClock } from '../../../../src/platform/clock.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { withAccounts } from '../../../../src/server/administration/open-data-folder.ts'
import { ROUTES } from '../../../../src/server/http/routes.ts'
import { logIn } from '../../../support/servers/oauth-login.ts'
import { localAccounts, startServer, type TestServer } from '../../../support/servers/test-server.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

/** One request and what has to come back. */
interface Row {
  name: string
  as?: 'nobody' | 'basic' | 'wrong' | 'ada' | 'member' | 'viewer' | 'narrow' | 'garbage'
  method?: string
  path: string
  body?: unknown
  headers?: Record<string, string>
  status: number
  has?: string[]
  hasNot?: string[]
  header?: [string, string | RegExp]
}

const PIPELINE = 'const pipeline = async () => { console.log("hello") }\nexport { pipeline }\n'
const CANARY = 'canary-9b1d-value'

let server: TestServer
const authorization: Record<string, string> = {}

async function send(row: Row): Promise<{ response: Response; text: string }> {
  const credential = authorization[row.as ?? 'nobody']
  const response = await fetch(`${server.url}${row.path}`, {
    method: row.method ?? 'GET',
    redirect: 'manual',
    headers: {
      ...(credential === undefined ? {} : { authorization: credential }),
      ...(row.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...row.headers,
    },
    ...(row.body === undefined
      ? {}
      : { body: typeof row.body === 'string' ? row.body : JSON.stringify(row.body) }),
  })
  return { response, text: await response.text() }
}

async function check(row: Row): Promise<void> {
  const { response, text } = await send(row)
  expect({ status: response.status, text }).toEqual({ status: row.status, text })
  for (const part of row.has ?? []) expect(text).toContain(part)
  for (const part of row.hasNot ?? []) expect(text).not.toContain(part)
  if (row.header !== undefined) expect(response.headers.get(row.header[0]) ?? '').toMatch(row.header[1])
  expect(response.headers.has('x-request-id')).toBe(response.status >= 400 || (row.method ?? 'GET') !== 'GET')
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  expect(response.headers.get('content-security-policy')).not.toBeNull()
}

const rows = (table: Row[]) =>
  test.each(table.map((row) => [row.name, row] as const))('%s', (_name, row) => check(row))

describe('S3: an open server', () => {
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.stop())

  rows([
    { name: 'says how it is', path: '/health', status: 200, has: ['"strategy":"open"'] },
    {
      name: 'makes everyone an administrator',
      path: '/api/v1/profile',
      status: 200,
      has: ['"role":"admin"'],
    },
    { name: 'has no OAuth', path: '/oauth/authorize', status: 404, has: ['no OAuth'] },
    { name: 'has no OAuth metadata', path: '/.well-known/oauth-protected-resource', status: 404 },
    { name: 'shows a page to a browser', path: '/', status: 200, has: ['fob pipeline list'] },
    {
      name: 'takes a pipeline',
      method: 'PUT',
      path: '/api/pipelines/p',
      body: { source: PIPELINE, filename: 'p.ts', secrets: { KEY: CANARY } },
      status: 201,
      has: ['"name":"p"'],
      hasNot: ['canary'],
    },
    {
      name: 'replaces a pipeline',
      method: 'PUT',
      path: '/api/pipelines/p',
      body: { source: PIPELINE, filename: 'p.ts' },
      status: 200,
    },
    {
      name: 'shows a pipeline with the names of its secrets',
      path: '/api/pipelines/p',
      status: 200,
      has: ['"secrets":["KEY"]', 'hello'],
      hasNot: ['canary'],
    },
    {
      name: 'names a pipeline that is not found, and the nearest one',
      path: '/api/pipelines/pp',
      status: 404,
      has: ['pipeline pp not found', 'did you mean p?', 'fob pipeline list'],
    },
    {
      name: 'names one that is not found where it would have been changed',
      method: 'POST',
      path: '/api/pipelines/pp/pause',
      body: {},
      status: 404,
      has: ['pipeline pp not found', 'did you mean p?'],
    },
    {
      name: 'names one that is not found where it would have been deleted',
      method: 'DELETE',
      path: '/api/pipelines/pp',
      status: 404,
      has: ['pipeline pp not found', 'did you mean p?'],
    },
    {
      name: 'does not repeat what no pipeline can be called',
      path: '/api/pipelines/a%20marker',
      status: 404,
      has: ['"pipeline not found"'],
      hasNot: ['marker'],
    },
    {
      name: 'lists secrets by name',
      path: '/api/secrets',
      status: 200,
      has: ['"pipeline":"p"', '"key":"KEY"'],
      hasNot: ['canary'],
    },
    {
      name: 'refuses a status that no run has, and lists those there are',
      path: '/api/runs?status=faild',
      status: 400,
      has: ['status takes one of queued, running, success, failed, stopped'],
    },
    {
      name: 'lists runs of a status',
      path: '/api/runs?status=failed',
      status: 200,
      has: ['"items":[]', '"next":null'],
    },
    {
      name: 'refuses a syntax error with its place',
      method: 'PUT',
      path: '/api/pipelines/bad',
      body: { source: 'const a = {\n  b:: 1 }\n', filename: 'bad.ts' },
      status: 400,
      has: ['bad.ts:2:'],
    },
    { name: 'and has not kept it', path: '/api/pipelines/bad', status: 404 },
    {
      name: 'refuses a field it does not know',
      method: 'PUT',
      path: '/api/pipelines/p',
      body: { source: PIPELINE, filename: 'p.ts', drivr: 'x' },
      status: 400,
      has: ['drivr'],
    },
    {
      name: 'refuses a name that is none',
      method: 'PUT',
      path: '/api/pipelines/..%2F..',
      body: { source: PIPELINE, filename: 'p.ts' },
      status: 400,
    },
    {
      name: 'S9: refuses a rule',
      method: 'PUT',
      path: '/api/pipelines/p',
      body: { source: PIPELINE, filename: 'p.ts', rbac: 'true' },
      status: 400,
      has: ['rbac_needs_oauth'],
    },
    {
      name: 'refuses an empty secret',
      method: 'PUT',
      path: '/api/secrets/K',
      body: { value: '' },
      status: 400,
      has: ['empty'],
    },
    {
      name: 'refuses a short secret, with the reason',
      method: 'PUT',
      path: '/api/secrets/K',
      body: { value: 'abc' },
      status: 400,
      has: ['secret_too_short', 'unreadable'],
    },
    {
      name: 'takes a short secret when told so',
      method: 'PUT',
      path: '/api/secrets/K',
      body: { value: 'abc', allowShort: true },
      status: 204,
    },
    {
      name: 'refuses a key that is none',
      method: 'PUT',
      path: '/api/secrets/9-x',
      body: { value: CANARY },
      status: 400,
      hasNot: ['canary'],
    },
    {
      name: 'an error about a body never repeats its values',
      method: 'PUT',
      path: '/api/secrets/K',
      body: { value: [CANARY] },
      status: 400,
      has: ['value'],
      hasNot: ['canary'],
    },
    {
      name: 'takes bytes that are no text',
      method: 'PUT',
      path: '/api/secrets/K',
      body: { value: { base64: 'AP/+/w==' } },
      status: 204,
    },
    {
      name: 'refuses base64 that is none',
      method: 'PUT',
      path: '/api/secrets/K',
      body: { value: { base64: 'canary!' } },
      status: 400,
      hasNot: ['canary'],
    },
    {
      name: 'refuses a secret over 256 KiB, text or not',
      method: 'PUT',
      path: '/api/secrets/K',
      body: { value: { base64: Buffer.alloc(256 * 1024 + 1).toString('base64') } },
      status: 400,
      has: ['256 KiB'],
    },
    {
      name: 'refuses a name that no pipeline can read',
      method: 'PUT',
      path: '/api/secrets/FOB_TOKEN',
      body: { value: CANARY },
      status: 400,
      has: ['reserved_name'],
      hasNot: ['canary'],
    },
    {
      name: 'refuses such a name with a pipeline too',
      method: 'PUT',
      path: '/api/pipelines/p',
      body: { source: PIPELINE, filename: 'p.ts', secrets: { fob_x: CANARY } },
      status: 400,
      has: ['reserved_name'],
    },
    {
      name: "takes a secret of the server's, for all tenants",
      method: 'PUT',
      path: '/api/secrets/SHARED?scope=server',
      body: { value: CANARY },
      status: 204,
    },
    { name: 'and lists it', path: '/api/secrets', status: 200, has: ['"id":"server/SHARED"'] },
    {
      name: 'refuses a scope that is none',
      method: 'PUT',
      path: '/api/secrets/K?scope=tenant',
      body: { value: CANARY },
      status: 400,
    },
    {
      name: 'moves the secrets to a new key',
      method: 'POST',
      path: '/api/secrets/rewrap',
      body: {},
      status: 200,
      has: ['"finished":true', '"failed":[]'],
    },
    { name: 'deletes it', method: 'DELETE', path: '/api/secrets/SHARED?scope=server', status: 204 },
    { name: 'deletes a secret once', method: 'DELETE', path: '/api/secrets/K', status: 204 },
    { name: 'and not twice', method: 'DELETE', path: '/api/secrets/K', status: 404 },
    {
      name: 'does not know a pipeline that is not there',
      method: 'POST',
      path: '/api/pipelines/nope/run',
      body: {},
      status: 404,
    },
    { name: 'does not know a run that is not there', path: '/api/runs/run_nope', status: 404 },
    { name: 'bounds a page', path: '/api/runs?limit=100000', status: 400, has: ['limit'] },
    {
      name: 'answers a wrong method with what is allowed',
      method: 'POST',
      path: '/api/secrets',
      body: {},
      status: 405,
      header: ['allow', /^GET, HEAD$/],
    },
    {
      name: 'answers an unknown path in JSON',
      path: '/api/nothing',
      status: 404,
      has: ['"error":"not_found"'],
    },
    {
      name: 'refuses a body that is not declared as JSON',
      method: 'POST',
      path: '/api/pipelines/p/run',
      headers: { 'content-type': 'text/plain' },
      body: '{}',
      status: 415,
    },
    {
      name: 'says which of the choices a field has',
      method: 'PUT',
      path: '/api/pipelines/p/webhook',
      body: { provider: 'gitea' },
      status: 400,
      has: ['"provider must be one of github, gitlab, generic"'],
      hasNot: ['gitea'],
    },
    {
      name: 'says which bound a field has',
      method: 'PUT',
      path: '/api/pipelines/p',
      body: { source: PIPELINE, filename: 'p.ts', concurrency: { mode: 'parallel', max: 0 } },
      status: 400,
      has: ['"concurrency.max must be at least 1"'],
    },
    {
      name: 'names a field within a field',
      method: 'PUT',
      path: '/api/pipelines/p',
      body: { source: PIPELINE, filename: 'p.ts', schedules: [{}] },
      status: 400,
      has: ['"schedules.0.cron is missing"'],
    },
    {
      name: 'refuses a body that is not JSON',
      method: 'POST',
      path: '/api/pipelines/p/run',
      body: '{',
      status: 400,
    },
    {
      name: 'refuses another website',
      method: 'POST',
      path: '/api/pipelines/p/run',
      body: {},
      headers: { origin: 'https://evil.example' },
      status: 403,
      has: ['cross_site'],
    },
    {
      name: 'refuses another website that hides its name',
      method: 'POST',
      path: '/api/pipelines/p/run',
      body: {},
      headers: { 'sec-fetch-site': 'cross-site' },
      status: 403,
    },
    {
      name: 'refuses a name that is not its own (DNS rebinding)',
      path: '/api/secrets',
      headers: { host: 'evil.example' },
      status: 403,
      has: ['wrong_host'],
    },
    {
      name: 'refuses a tenant that is not there',
      path: '/api/secrets',
      headers: { 'x-tenant': 'acme' },
      status: 403,
      has: ['"tenants":["default"]'],
    },
    {
      name: 'S227: lists the tenant that the caller belongs to',
      path: '/api/v1/tenants',
      headers: { 'x-tenant': 'default' },
      status: 200,
      has: ['"slug":"default"', '"name":"Default"', '"role":"admin"', '"current":true'],
    },
    {
      name: 'refuses the list in a tenant that is not there, and names those that are',
      path: '/api/v1/tenants',
      headers: { 'x-tenant': 'acme' },
      status: 403,
      has: ['"error":"unknown_tenant"', '"tenants":["default"]'],
    },
    {
      name: 'refuses a body over 10 MiB',
      method: 'PUT',
      path: '/api/secrets/K',
      body: { value: 'x'.repeat(11 * 1024 * 1024) },
      status: 413,
    },
    {
      name: 'refuses a source over 1 MiB, counted in bytes',
      method: 'PUT',
      path: '/api/pipelines/big',
      body: { source: `${PIPELINE}//${'é'.repeat(512 * 1024)}`, filename: 'p.ts' },
      status: 400,
      has: ['larger than 1 MiB'],
    },
    ...['constructor', 'prototype', '__proto__'].flatMap((key): Row[] => [
      {
        name: `refuses a pipeline with a secret called ${key}`,
        method: 'PUT',
        path: '/api/pipelines/p',
        body: `{"source":${JSON.stringify(PIPELINE)},"filename":"p.ts","secrets":{"${key}":"${CANARY}"}}`,
        status: 400,
        has: ['cannot be names'],
        hasNot: [CANARY],
      },
      {
        name: `refuses a secret called ${key}`,
        method: 'PUT',
        path: `/api/secrets/${key}`,
        body: { value: CANARY },
        status: 400,
        has: ['cannot be names'],
      },
    ]),
    { name: 'deletes a pipeline with its secrets', method: 'DELETE', path: '/api/pipelines/p', status: 204 },
    { name: 'of which none is left', path: '/api/secrets', status: 200, has: ['"items":[]'] },
  ])

  test('warns at the start that it lets everyone in', () => {
    const lines = server.log().split('\n')
    const warnings = lines.filter((line) => line.includes('"level":"warn"'))
    expect(warnings.some((line) => line.includes('anyone who reaches this port is an administrator'))).toBe(
      true,
    )
  })

  test('no log line holds a value that was sent', () => expect(server.log()).not.toContain('canary'))
})

describe('S7: a server with Basic', () => {
  beforeAll(async () => {
    server = await startServer({
      strategy: { kind: 'basic', username: 'admin', password: new Secret('secret123') },
    })
    authorization.basic = `Basic ${btoa('admin:secret123')}`
    authorization.wrong = `Basic ${btoa('admin:secret124')}`
    authorization.garbage = 'Basic !!!'
  })
  afterAll(() => server.stop())

  rows([
    {
      name: 'lets the right credentials in',
      as: 'basic',
      path: '/api/v1/profile',
      status: 200,
      has: ['"provider":"basic"'],
    },
    {
      name: 'refuses wrong ones',
      as: 'wrong',
      path: '/api/v1/profile',
      status: 401,
      header: ['www-authenticate', /^Basic realm="fob"/],
    },
    { name: 'refuses none', path: '/api/pipelines', status: 401 },
    { name: 'refuses what is not base64', as: 'garbage', path: '/api/pipelines', status: 401 },
    {
      name: 'refuses a bearer token',
      path: '/api/pipelines',
      headers: { authorization: 'Bearer x' },
      status: 401,
    },
    {
      name: 'S9: refuses a rule',
      as: 'basic',
      method: 'PUT',
      path: '/api/pipelines/p',
      body: { source: PIPELINE, filename: 'p.ts', rbac: 'true' },
      status: 400,
      has: ['need OAuth'],
    },
    { name: 'answers /health to anyone', path: '/health', status: 200, has: ['"strategy":"basic"'] },
  ])

  test('guesses are slowed, with 429 and Retry-After; an address that was let in before goes on', async () => {
    const proxied = await startServer({
      strategy: { kind: 'basic', username: 'admin', password: new Secret('secret123') },
      trustedProxies: ['127.0.0.1'],
    })
    try {
      const call = (password: string, from: string) =>
        fetch(`${proxied.url}/api/v1/profile`, {
          headers: { authorization: `Basic ${btoa(`admin:${password}`)}`, 'x-forwarded-for': from },
        })
      expect((await call('secret123', '192.0.2.1')).status).toBe(200)
      const guesses = await Promise.all(Array.from({ length: 12 }, (_, i) => call(`guess${i}`, '192.0.2.2')))
      const statuses = guesses.map(({ status }) => status).toSorted((a, b) => a - b)
      expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429, 429, 429, 429, 429])
      const slowed = await call('secret123', '192.0.2.2')
      expect(slowed.status).toBe(429)
      expect(Number(slowed.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(slowed.headers.get('ratelimit-remaining')).toBe('0')
      expect(slowed.headers.get('ratelimit-reset')).toBe(slowed.headers.get('retry-after'))
      expect(await slowed.json()).toMatchObject({ error: 'rate_limited' })
      expect((await call('secret123', '192.0.2.1')).status).toBe(200)
    } finally {
      await proxied.stop()
    }
  })

  test.each(
    ROUTES.filter(
      (route) => !['none', 'protocol', 'interaction', 'session', 'signature'].includes(route.guard),
    ),
  )('$method $path refuses a stranger', async ({ method, path }) => {
    const { response } = await send({ name: '', method, path: path.replaceAll(/:\w+/g, 'x'), status: 401 })
    expect(response.status).toBe(401)
  })
})

describe('S38: a server with OAuth', () => {
  const ada = { email: 'ada@example.com', password: 'correct horse' }
  const eve = { email: 'eve@example.com', password: 'battery staple' }
  const mel = { email: 'mel@example.com', password: 'another battery' }

  beforeAll(async () => {
    const dataDir = temporaryFolder()
    await withAccounts({ dataDir, clock: systemClock, create: true }, async (accounts) => {
      await accounts.addLocal({ email: ada.email, password: new Secret(ada.password) })
      await accounts.addLocal({ email: eve.email, password: new Secret(eve.password), role: 'viewer' })
      await accounts.addLocal({ email: mel.email, password: new Secret(mel.password), role: 'member' })
    })
    server = await startServer({ strategy: localAccounts, dataDir })
    authorization.ada = `Bearer ${(await logIn(server.url, ada)).access_token}`
    authorization.member = `Bearer ${(await logIn(server.url, mel)).access_token}`
    authorization.viewer = `Bearer ${(await logIn(server.url, eve)).access_token}`
    authorization.narrow = `Bearer ${(await logIn(server.url, ada, 'openid offline_access runs:read')).access_token}`
    authorization.garbage = 'Bearer not.a.token'
  })
  afterAll(() => server.stop())

  rows([
    { name: 'S38: takes the token of a login', as: 'ada', path: '/api/pipelines', status: 200 },
    {
      name: 'S209: says who it belongs to',
      as: 'ada',
      path: '/api/v1/profile',
      status: 200,
      has: ['"email":"ada@example.com"', '"role":"admin"', '"tenant":"default"'],
    },
    {
      name: 'serves userinfo',
      as: 'ada',
      path: '/oauth/userinfo',
      status: 200,
      has: ['"sub":', '"email":"ada@example.com"'],
    },
    {
      name: 'refuses no token, and says where to get one',
      path: '/api/pipelines',
      status: 401,
      header: [
        'www-authenticate',
        /^Bearer realm="fob", resource_metadata="http.*oauth-protected-resource"$/,
      ],
    },
    {
      name: 'refuses a bad token',
      as: 'garbage',
      path: '/api/pipelines',
      status: 401,
      header: ['www-authenticate', /error="invalid_token"/],
    },
    {
      name: 'refuses Basic',
      path: '/api/pipelines',
      headers: { authorization: `Basic ${btoa('a:b')}` },
      status: 401,
    },
    {
      name: 'S181: refuses a token without the scope, and names both',
      as: 'narrow',
      path: '/api/secrets',
      status: 403,
      has: ['"requiredScopes":["secrets:read"]', '"tokenScopes":["runs:read"]'],
    },
    {
      name: 'R15: a global secret needs secrets:write',
      as: 'narrow',
      method: 'PUT',
      path: '/api/secrets/KEY',
      body: { value: CANARY },
      status: 403,
      has: ['"requiredScopes":["secrets:write"]'],
      hasNot: ['canary'],
    },
    { name: 'lets a viewer read', as: 'viewer', path: '/api/pipelines', status: 200 },
    {
      name: 'lets a viewer change nothing',
      as: 'viewer',
      method: 'PUT',
      path: '/api/secrets/KEY',
      body: { value: CANARY },
      status: 403,
    },
    {
      name: "lets only an administrator set the server's secrets",
      as: 'member',
      method: 'PUT',
      path: '/api/secrets/KEY?scope=server',
      body: { value: CANARY },
      status: 403,
      has: ['administrators'],
    },
    {
      name: 'or move them to a new key',
      as: 'member',
      method: 'POST',
      path: '/api/secrets/rewrap',
      body: {},
      status: 403,
      has: ['administrators'],
    },
    {
      name: 'while a member sets those of the tenant',
      as: 'member',
      method: 'PUT',
      path: '/api/secrets/KEY',
      body: { value: CANARY },
      status: 204,
    },
    {
      name: 'has metadata of the protected resource',
      path: '/.well-known/oauth-protected-resource',
      status: 200,
      has: ['"authorization_servers"', 'runs:trigger'],
    },
    {
      name: 'has metadata of the authorization server',
      path: '/.well-known/oauth-authorization-server',
      status: 200,
      has: ['"code_challenge_methods_supported":["S256"]'],
    },
  ])

  test('an account that is removed loses its tokens at once', async () => {
    await withAccounts({ dataDir: server.dataDir, clock: systemClock, create: false }, (accounts) =>
      accounts.remove(eve.email),
    )
    await check({ name: '', as: 'viewer', path: '/api/pipelines', status: 401 })
  })

  test('no log line holds a token or a password', () => {
    const secrets = [authorization.ada, authorization.viewer, ada.password, eve.password]
    for (const secret of secrets) expect(server.log()).not.toContain(secret?.replace('Bearer ', '') ?? 'x')
    expect(server.log()).toContain('"path":"/oauth/token"')
  })
})

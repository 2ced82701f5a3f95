/** JWTs of identity providers at a running server: who comes in, as whom, and what is refused. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { TOKEN_EXCHANGE_GRANT } from '../../../src/contract/token-exchange.ts'
import { ALL_SCOPES } from '../../../src/contract/token-scopes.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { localAccounts, startServer, type TestServer } from '../../support/servers/test-server.ts'
import {
  GITLAB_CLAIMS,
  startWorkloadIssuer,
  type WorkloadIssuer,
} from '../../support/stand-ins/workload-issuer.ts'

const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'
const MINUTE = 60_000

let issuer: WorkloadIssuer
let other: WorkloadIssuer
let server: TestServer
const clock = manualClock(Date.now())

beforeAll(async () => {
  issuer = startWorkloadIssuer()
  other = startWorkloadIssuer()
  server = await startServer({
    strategy: localAccounts,
    clock,
    rbac: 'Email endsWith "@corp.example"',
    trustedIssuers: [
      {
        preset: 'github',
        url: issuer.url,
        repositories: 'octo-org/*',
        rule: 'claims.ref == "refs/heads/main" || claims.environment == "prod"',
        scopes: ['runs:trigger', 'pipelines:read'],
      },
      { preset: 'github', url: issuer.url, repositories: 'admins/infra', role: 'admin' },
      { preset: 'github', url: issuer.url, repositories: 'gone/app', tenant: 'nowhere' },
      {
        preset: 'github',
        url: issuer.url,
        repositories: 'narrow/app',
        pipelines: 'deploy-*',
        role: 'member',
      },
      {
        preset: 'gitlab',
        url: other.url,
        rule: 'claims.project_path startsWith "my-group/"',
        role: 'viewer',
      },
    ],
  })
})
afterAll(async () => {
  await server.stop()
  await issuer.stop()
  await other.stop()
})

const seconds = () => Math.floor(clock.now() / 1000)

/** A token of `issuer` for this server, by the server's clock. */
const mint = (claims: Record<string, unknown> = {}, how?: Parameters<WorkloadIssuer['mintToken']>[1]) =>
  issuer.mintToken({ aud: server.url, iat: seconds(), nbf: seconds(), exp: seconds() + 300, ...claims }, how)

const get = (token: string, path = '/api/v1/profile') =>
  fetch(server.url + path, { headers: { authorization: `Bearer ${token}` } })

const profile = async (token: string) => {
  const response = await get(token)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const exchange = async (more: Record<string, string | undefined>) => {
  const form = new URLSearchParams()
  const all = {
    grant_type: TOKEN_EXCHANGE_GRANT,
    subject_token: mint(),
    subject_token_type: JWT_TYPE,
    ...more,
  }
  for (const [name, value] of Object.entries(all)) if (value !== undefined) form.append(name, value)
  const response = await fetch(`${server.url}/oauth/token`, { method: 'POST', body: form })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const logged = () =>
  server
    .log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
const lastWhy = () => logged().findLast(({ message }) => message === 'a JWT was refused')?.why

describe('a JWT of a trusted issuer as bearer token', () => {
  test('S113: is let in with the scopes of its setting, under the name of its sub', async () => {
    expect(await profile(mint())).toEqual({
      status: 200,
      body: {
        id: `workload:${issuer.url.slice(7)}:repo:octo-org/octo-repo:ref:refs/heads/main`,
        email: null,
        name: 'repo:octo-org/octo-repo:ref:refs/heads/main',
        nickName: null,
        provider: issuer.url.slice(7),
        role: 'member',
        tenant: 'default',
        scopes: ['runs:trigger', 'pipelines:read'],
      },
    })
  })

  test.each(['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const)('signed by %s', async (alg) => {
    await clock.advance(MINUTE)
    expect((await get(mint({}, { alg }))).status).toBe(200)
  })

  test('the first entry whose condition holds decides: another repository, another role', async () => {
    const { body } = await profile(mint({ repository: 'admins/infra', sub: 'repo:admins/infra' }))
    expect(body).toMatchObject({ role: 'admin', scopes: [...ALL_SCOPES] })
    const gitlab = other.mintToken({
      ...GITLAB_CLAIMS,
      aud: server.url,
      iat: seconds(),
      nbf: undefined,
      exp: seconds() + 300,
    })
    expect((await profile(gitlab)).body).toMatchObject({ role: 'viewer', name: GITLAB_CLAIMS.sub })
  })

  test('at /mcp too', async () => {
    const response = await fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${mint()}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
    })
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('"tools"')
  })

  test('a scope that the setting does not give is refused, and what is for people alone', async () => {
    expect((await get(mint(), '/api/secrets')).status).toBe(403)
    const admin = mint({ repository: 'admins/infra' })
    expect((await get(admin, '/api/auth/cli-tokens')).status).toBe(403)
    expect((await get(admin, '/api/audit')).status).toBe(200)
    expect((await get(mint(), '/api/audit')).status).toBe(403)
  })

  test('it is in the tenant of its setting alone', async () => {
    const headers = { authorization: `Bearer ${mint()}`, 'x-tenant': 'elsewhere' }
    expect((await fetch(`${server.url}/api/v1/profile`, { headers })).status).toBe(403)
  })

  test('pipelines by patterns: one that is created later is reached by its name', async () => {
    const admin = mint({ repository: 'admins/infra' })
    const narrow = mint({ repository: 'narrow/app' })
    const put = (name: string) =>
      fetch(`${server.url}/api/pipelines/${name}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
        body: JSON.stringify({ source: 'function pipeline() {}\nexport { pipeline }', filename: 'a.ts' }),
      })
    const names = async () =>
      ((await (await get(narrow, '/api/pipelines')).json()) as { items: { name: string }[] }).items.map(
        ({ name }) => name,
      )
    expect(await names()).toEqual([])
    expect((await put('deploy-web')).status).toBeLessThan(300)
    expect((await put('secret-stuff')).status).toBeLessThan(300)
    expect(await names()).toEqual(['deploy-web'])
    expect((await get(narrow, '/api/pipelines/secret-stuff')).status).toBe(404)
    const removed = await fetch(`${server.url}/api/pipelines/deploy-web`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${admin}` },
    })
    expect(removed.status).toBeLessThan(300)
    expect(await names()).toEqual([])
  })
})

describe('what is refused', () => {
  beforeEach(() => clock.advance(MINUTE))

  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const refusals: [string, () => string, string][] = [
    [
      'an issuer that is not trusted',
      () => mint({ iss: 'https://elsewhere.example' }),
      'its issuer is not a trusted one',
    ],
    ['a changed issuer', () => mint({ iss: `${issuer.url}/` }), 'its issuer is not a trusted one'],
    [
      'a token of one issuer in the name of another',
      () => mint({ iss: other.url }),
      'its issuer has no such key',
    ],
    ['another audience', () => mint({ aud: 'https://elsewhere.example' }), 'it is for another audience'],
    ['no audience', () => mint({ aud: undefined }), 'it is for another audience'],
    [
      'several audiences, this server among them',
      () => mint({ aud: [server.url, 'x'] }),
      'it is for several audiences',
    ],
    ['no exp', () => mint({ exp: undefined }), 'it has no exp'],
    ['an exp that is over', () => mint({ exp: seconds() - 61 }), 'it has expired'],
    [
      'an exp that lies weeks ahead',
      () => mint({ exp: seconds() + 14 * 86_400 }),
      'its exp lies further ahead than max-lifetime allows',
    ],
    [
      'the last hour of a token that lives for weeks',
      () => mint({ iat: seconds() - 14 * 86_400, exp: seconds() + 3600 }),
      'it lives longer than max-lifetime allows',
    ],
    ['an nbf that lies ahead', () => mint({ nbf: seconds() + 90 }), 'its nbf does not fit'],
    ['an iat that lies ahead', () => mint({ iat: seconds() + 90 }), 'its iat lies ahead'],
    ['no sub', () => mint({ sub: undefined }), 'it has no sub'],
    ['a sub that is no name', () => mint({ sub: 'a\u001b[31mb' }), 'its sub is not a name'],
    [
      'another repository',
      () => mint({ repository: 'octo-organisation/x' }),
      'repository is not one of those that are let in',
    ],
    ['another branch', () => mint({ ref: 'refs/heads/evil' }), 'the rule does not let it in'],
    ['a tenant that is not there', () => mint({ repository: 'gone/app' }), 'there is no tenant nowhere'],
    [
      'HS256, signed with the public key',
      () => issuer.mintHs256WithPublicKey({ aud: server.url, exp: seconds() + 300 }),
      'its algorithm is not accepted',
    ],
    ['none', () => `${encoded({ alg: 'none' })}.${mint().split('.')[1]}.`, 'its algorithm is not accepted'],
    ['a key of somebody else', () => mint({}, { key: stranger }), 'its signature is wrong'],
    ['a changed claim', () => changed(mint(), { repository: 'admins/infra' }), 'its signature is wrong'],
    [
      'a crit header',
      () => mint({}, { header: { crit: ['b64'], b64: false } }),
      'it is not a JWT that can be verified',
    ],
    [
      'a logout token',
      () => mint({}, { header: { typ: 'logout+jwt' } }),
      'its typ is not that of such a token',
    ],
    ['a key ID that there is not', () => mint({}, { header: { kid: 'x' } }), 'its issuer has no such key'],
    ['what is no JWT', () => 'a.b.c', 'its issuer is not a trusted one'],
  ]

  test.each(refusals)('%s: 401, and the reason is in the log alone', async (_, token, why) => {
    const { status, body } = await profile(token())
    expect(status).toBe(401)
    expect(JSON.stringify(body)).toBe('{"error":"unauthenticated","message":"authentication required"}')
    expect(String(lastWhy())).toContain(why)
  })

  test('the log names the request, and the subject of a token that its issuer has signed', async () => {
    const response = await get(mint({ ref: 'refs/heads/evil' }))
    expect(logged().findLast(({ message }) => message === 'a JWT was refused')).toMatchObject({
      issuer: issuer.url,
      subject: 'repo:octo-org/octo-repo:ref:refs/heads/main',
      address: '127.0.0.1',
      requestId: response.headers.get('x-request-id'),
    })
    const metrics = await (await get(mint({ repository: 'admins/infra' }), '/metrics')).text()
    expect(metrics).toMatch(/fob_issuer_jwts_total\{outcome="refused"\} \d/)
    expect(metrics).toMatch(/fob_issuer_jwts_total\{outcome="accepted"\} \d/)
  })

  test('a token that was accepted is refused when its time is over', async () => {
    const token = mint({ exp: seconds() + 120 })
    expect((await get(token)).status).toBe(200)
    await clock.advance(2 * MINUTE + 59_000)
    expect((await get(token)).status).toBe(200)
    await clock.advance(2000)
    expect((await get(token)).status).toBe(401)
  })

  test('what strangers send is not in the log, and no token is', async () => {
    const token = mint({ exp: seconds() - 61 })
    await get(token)
    expect(server.log()).not.toContain(token.split('.')[2] ?? '?')
    await get(`${encoded({ alg: 'RS256' })}.${encoded({ iss: 'x'.repeat(5000) })}.c2ln`)
    expect(server.log()).not.toContain('x'.repeat(201))
  })
})

describe('a JWT that is exchanged (RFC 8693)', () => {
  test('gives a token of ours for an hour, without a refresh token', async () => {
    const { status, body } = await exchange({ client_id: 'fob-cli', resource: server.url })
    expect(status).toBe(200)
    expect(body).toEqual({
      access_token: expect.stringMatching(/^wl_[\w-]+$/) as string,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 3600,
      scope: 'runs:trigger pipelines:read',
    })
    const token = String(body.access_token)
    expect((await profile(token)).body).toEqual((await profile(mint())).body)
    await clock.advance(59 * MINUTE)
    expect((await get(token)).status).toBe(200)
    await clock.advance(2 * MINUTE)
    expect((await get(token)).status).toBe(401)
  })

  test('an ID token, and fewer scopes than there are', async () => {
    const { body } = await exchange({
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      scope: 'openid pipelines:read',
    })
    expect(body.scope).toBe('pipelines:read')
    expect((await profile(String(body.access_token))).body.scopes).toEqual(['pipelines:read'])
  })

  test.each([
    [{ subject_token: '' }, 'invalid_request'],
    [{ subject_token: 'a.b.c' }, 'invalid_request'],
    [{ subject_token_type: undefined }, 'invalid_request'],
    [{ subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }, 'invalid_request'],
    [{ requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }, 'invalid_request'],
    [{ actor_token: 'x' }, 'invalid_request'],
    [{ scope: 'secrets:write' }, 'invalid_scope'],
    [{ scope: 'everything' }, 'invalid_scope'],
    [{ resource: 'https://elsewhere.example' }, 'invalid_target'],
    [{ audience: 'https://elsewhere.example' }, 'invalid_target'],
  ])('%j is refused: %s', async (more, error) => {
    const { status, body } = await exchange(more)
    expect({ status, error: body.error }).toEqual({ status: 400, error })
  })

  test('an unknown client is refused', async () => {
    expect(await exchange({ client_id: 'nobody' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    })
  })

  test('an exchanged token is not exchanged again, nor accepted when a character is another', async () => {
    const token = String((await exchange({})).body.access_token)
    expect((await exchange({ subject_token: token })).body.error).toBe('invalid_request')
    expect((await get(token)).status).toBe(200)
    expect((await exchange({ subject_token: token })).body.error).toBe('invalid_request')
    const last = token.at(-9)
    expect((await get(`${token.slice(0, -9)}${last === 'A' ? 'B' : 'A'}${token.slice(-8)}`)).status).toBe(401)
  })

  test('the metadata name the grant, and the audit log the exchange', async () => {
    const metadata = (await (await fetch(`${server.url}/.well-known/oauth-authorization-server`)).json()) as {
      grant_types_supported: string[]
    }
    expect(metadata.grant_types_supported).toContain(TOKEN_EXCHANGE_GRANT)
    await exchange({})
    const audit = (await (await get(mint({ repository: 'admins/infra' }), '/api/audit')).json()) as {
      items: Record<string, unknown>[]
    }
    expect(audit.items.find(({ action }) => action === 'workload-token.create')).toMatchObject({
      actor: `workload:${issuer.url.slice(7)}:repo:octo-org/octo-repo:ref:refs/heads/main`,
      outcome: 'ok',
    })
  })
})

test('an issuer that hangs holds up its own tokens alone', async () => {
  const ours = String((await exchange({})).body.access_token)
  await clock.advance(11 * MINUTE)
  issuer.behaviour.keys = { kind: 'slow', ms: 60_000 }
  let isWaiting = true
  const its = get(mint()).finally(() => (isWaiting = false))
  await issuer.holding()
  expect((await get(ours)).status).toBe(200)
  expect((await get('ci_unknown')).status).toBe(401)
  expect((await fetch(`${server.url}/health`)).status).toBe(200)
  expect(isWaiting).toBe(true)
  issuer.behaviour.keys = { kind: 'none' }
  issuer.release()
  expect((await its).status).toBe(200)
})

function encoded(part: Record<string, unknown>): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function changed(token: string, claims: Record<string, unknown>): string {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const before = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
  return `${header}.${encoded({ ...before, ...claims })}.${signature}`
}

/** Revoked tokens, changed roles and changed rules take effect on the next request. */
import { afterEach, describe, expect, test } from 'bun:test'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { signatureOf } from '../../../../src/contract/request-signing.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { withAccounts } from '../../../../src/server/administration/open-data-folder.ts'
import { logIn } from '../../../support/servers/oauth-login.ts'
import { localAccounts, startServer, type TestServer } from '../../../support/servers/test-server.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const ADA = { email: 'ada@example.com', password: 'correct horse' }
const BOB = { email: 'bob@example.com', password: 'battery staple' }
const MAIN = join(import.meta.dir, '../../../../src/main.ts')
const PROFILE = '/api/v1/profile'

let server: TestServer
afterEach(() => server.stop())

interface Init {
  method?: string
  headers?: Record<string, string>
  body?: string
}

interface World {
  /** Added to the time of the server. */
  time: { ahead: number }
  /** Bob's credentials, each of which has been used just now. */
  jwt: string
  ci: { id: string; token: string }
  call(token: string, path?: string, init?: Init): Promise<Response>
  /** `fob server …` in a process of its own. */
  console(...args: string[]): Promise<void>
}

async function setUp(): Promise<World> {
  const dataDir = temporaryFolder()
  await withAccounts({ dataDir, clock: systemClock, create: true }, async (accounts) => {
    for (const { email, password } of [ADA, BOB])
      await accounts.addLocal({ email, password: new Secret(password) })
  })
  const time = { ahead: 0 }
  const clock = { ...systemClock, now: () => Date.now() + time.ahead }
  server = await startServer({ strategy: localAccounts, dataDir, clock })
  const jwt = (await logIn(server.url, BOB)).access_token
  const call: World['call'] = (token, path = PROFILE, init = {}) =>
    fetch(server.url + path, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } })
  const ci = await make(call, jwt, {})
  for (const token of [jwt, ci.token, jwt, ci.token]) expect((await call(token)).status).toBe(200)
  return {
    time,
    jwt,
    ci,
    call,
    async console(...args) {
      const command = [process.execPath, MAIN, 'server', ...args, '--data', dataDir]
      const child = Bun.spawn(command, { stdout: 'ignore', stderr: 'pipe' })
      if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text())
    },
  }
}

async function make(call: World['call'], jwt: string, more: object): Promise<{ id: string; token: string }> {
  const wish = { name: 'T', scopes: ['pipelines:read', 'pipelines:write'], allPipelines: true, ...more }
  const answer = await call(jwt, '/api/auth/cli-tokens', json('POST', wish))
  expect(answer.status).toBe(201)
  return (await answer.json()) as { id: string; token: string }
}

const json = (method: string, body: unknown): Init => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

describe('a credential that was good a moment ago is refused on the next request', () => {
  test.each<[name: string, end: (world: World) => Promise<unknown>, jwt: number, ci: number]>([
    ['logged out', ({ call, jwt }) => call(jwt, '/api/auth/logout', json('POST', {})), 401, 200],
    [
      'revoked',
      ({ call, jwt, ci }) => call(jwt, `/api/auth/cli-tokens/${ci.id}`, { method: 'DELETE' }),
      200,
      401,
    ],
    [
      'revoked by itself',
      ({ call, ci }) => call(ci.token, '/api/auth/cli-tokens/current', { method: 'DELETE' }),
      200,
      401,
    ],
    ['of an account that another process removes', (w) => w.console('user', 'rm', BOB.email), 401, 401],
    [
      'of somebody whom another process moves to another tenant',
      async (world) => {
        await world.console('tenant', 'add', 'acme')
        await world.console('tenant', 'member', 'add', 'acme', BOB.email)
        await world.console('tenant', 'member', 'rm', 'default', BOB.email)
      },
      200,
      401,
    ],
    ['that has expired', async ({ time }) => (time.ahead = 40 * 86_400_000), 401, 200],
  ])('%s', async (_, end, jwt, ci) => {
    const world = await setUp()
    await end(world)
    expect((await world.call(world.ci.token)).status).toBe(ci)
    expect((await world.call(world.jwt)).status).toBe(jwt)
  })

  test('a scoped token with an end, at its end', async () => {
    const { call, jwt, time } = await setUp()
    const { token } = await make(call, jwt, { expiresIn: 60 })
    expect((await call(token)).status).toBe(200)
    time.ahead = 61_000
    expect((await call(token)).status).toBe(401)
  })

  test('a role that another process takes away is gone from both', async () => {
    const { call, jwt, ci, console } = await setUp()
    await console('tenant', 'member', 'add', 'default', BOB.email, '--role', 'viewer')
    for (const token of [jwt, ci.token]) {
      const profile = (await (await call(token)).json()) as { role: string; scopes: string[] }
      expect(profile.role).toBe('viewer')
      expect(profile.scopes.filter((scope) => !scope.endsWith(':read'))).toEqual([])
    }
  })

  test('a pipeline whose rule changes is hidden at once', async () => {
    const { call, ci } = await setUp()
    const source = 'const pipeline = async () => {}\nexport { pipeline }\n'
    const put = (rule: string) =>
      call(ci.token, '/api/pipelines/p', json('PUT', { source, filename: 'p.ts', rbac: rule }))
    const see = async () => (await call(ci.token, '/api/pipelines/p')).status
    expect((await put('Provider == "local"')).ok).toBe(true)
    expect(await see()).toBe(200)
    expect((await put('Provider == "github"')).ok).toBe(true)
    expect(await see()).toBe(404)
  })

  test('S189: every signed request is held to its signature and its nonce, however often the token was good', async () => {
    const { call, jwt } = await setUp()
    const { token } = await make(call, jwt, { requireSignature: true })
    const sign = (nonce: string, key = token) => {
      const parts = { timestamp: String(Date.now()), nonce, method: 'GET', path: PROFILE }
      const signature = signatureOf({ ...parts, body: new Uint8Array() }, key)
      return {
        headers: { 'x-cli-timestamp': parts.timestamp, 'x-cli-nonce': nonce, 'x-cli-signature': signature },
      }
    }
    const once = sign(randomUUID())
    for (const good of [once, sign(randomUUID()), sign(randomUUID())]) {
      expect((await call(token, PROFILE, good)).status).toBe(200)
    }
    expect((await call(token, PROFILE, once)).status).toBe(401)
    expect((await call(token, PROFILE, sign(randomUUID(), 'another key'))).status).toBe(401)
    expect((await call(token)).status).toBe(401)
  })
})

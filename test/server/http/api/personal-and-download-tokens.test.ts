/** Scoped tokens, runners, service keys and download tokens over the API: who creates them and what each opens. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { signatureOf } from '../../../../src/contract/request-signing.ts'
import { TOKEN_PATTERN } from '../../../../src/contract/token-format.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { withAccounts, withServiceKeys } from '../../../../src/server/administration/open-data-folder.ts'
import { databasePath } from '../../../../src/server/db/database-files.ts'
import { logIn, logInToProgram } from '../../../support/servers/oauth-login.ts'
import { localAccounts, startServer, type TestServer } from '../../../support/servers/test-server.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const ADA = { email: 'ada@example.com', password: 'correct horse' }
const EVE = { email: 'eve@example.com', password: 'battery staple' }
const ALL =
  'openid offline_access pipelines:read pipelines:write runs:read runs:trigger secrets:read secrets:write runners:read runners:manage'
const SOURCE = 'const pipeline = async () => { console.log("hello") }\nexport { pipeline }\n'

const dataDir = temporaryFolder()
let server: TestServer
/** Access tokens of logins. */
let ada: string
let eve: string
/** Everything that was ever issued, for the search at the end. */
const issued: string[] = []

interface Answer {
  status: number
  headers: Headers
  text: string
  body: Record<string, unknown>
}

interface Send {
  as?: string
  body?: unknown
  headers?: Record<string, string>
}

async function send(method: string, path: string, { as, body, headers }: Send = {}): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      ...(as === undefined ? {} : { authorization: `Bearer ${as}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  for (const [token] of text.matchAll(TOKEN_PATTERN)) issued.push(token)
  const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { status: response.status, headers: response.headers, text, body: json }
}

/** Makes a token as Ada. */
async function make(body: Record<string, unknown>): Promise<{ id: string; token: string }> {
  const answer = await send('POST', '/api/auth/cli-tokens', { as: ada, body: { name: 'T', ...body } })
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body as { id: string; token: string }
}

/** Starts a run as Ada. */
async function startRun(pipeline: string): Promise<string> {
  const answer = await send('POST', `/api/pipelines/${pipeline}/run`, { as: ada, body: {} })
  return String(answer.body.run_id)
}

const askDownload = (path: string, as = ada) =>
  send('POST', '/api/auth/download-token', { as, body: { path } })

function signed(
  token: string,
  method: string,
  path: string,
  body = '',
  changes: { nonce?: string; at?: number } = {},
) {
  const parts = {
    timestamp: String(changes.at ?? Date.now()),
    nonce: changes.nonce ?? randomUUID(),
    method,
    path,
  }
  return {
    'x-cli-timestamp': parts.timestamp,
    'x-cli-nonce': parts.nonce,
    'x-cli-signature': signatureOf({ ...parts, body: new TextEncoder().encode(body) }, token),
  }
}

beforeAll(async () => {
  await withAccounts({ dataDir, clock: systemClock, create: true }, async (accounts) => {
    await accounts.addLocal({ email: ADA.email, password: new Secret(ADA.password) })
    await accounts.addLocal({ email: EVE.email, password: new Secret(EVE.password) })
  })
  server = await startServer({ strategy: localAccounts, dataDir })
  ada = (await logIn(server.url, ADA, ALL)).access_token
  eve = (await logIn(server.url, EVE, ALL)).access_token
  for (const name of ['deploy', 'other']) {
    const body = { source: SOURCE, filename: 'p.ts', secrets: { KEY: 'a-long-value' } }
    await send('PUT', `/api/pipelines/${name}`, { as: ada, body })
  }
  await send('PUT', '/api/secrets/GLOBAL', { as: ada, body: { value: 'a-long-value' } })
})
afterAll(() => server.stop())

describe('scoped tokens over HTTP', () => {
  test('S168, S169, S172: the documented request, word for word, gets a token once', async () => {
    const body = {
      name: 'CI Pipeline',
      scopes: ['repos:read', 'scans:read', 'scans:trigger'],
      allRepositories: true,
    }
    const answer = await send('POST', '/api/auth/cli-tokens', { as: ada, body })
    expect(answer.status).toBe(201)
    expect(answer.body).toMatchObject({
      name: 'CI Pipeline',
      scopes: ['pipelines:read', 'runs:read', 'runs:trigger'],
      allPipelines: true,
      allRepositories: true,
      expiresAt: null,
    })
    const { token } = answer.body
    expect(token).toMatch(/^ci_[0-9A-Za-z]{36}$/)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const list = await send('GET', '/api/auth/cli-tokens', { as: ada })
    expect(list.text).toContain('CI Pipeline')
    expect(list.text).not.toContain(String(token))
  })

  test('S168, R13: the same with our names answers with our names alone', async () => {
    const body = { name: 'A', scopes: ['runs:read'], pipelines: ['deploy'], expiresIn: 3600 }
    const answer = await send('POST', '/api/auth/cli-tokens', { as: ada, body })
    expect(answer.body).toMatchObject({ allPipelines: false, pipelines: ['deploy'], expired: false })
    expect(answer.body.expiresAt).toBeString()
    expect(answer.text).not.toContain('epositories')
  })

  test.each<[string, Record<string, unknown>, number, string]>([
    ['no name', { name: ' ', allPipelines: true, scopes: ['runs:read'] }, 400, 'name'],
    ['no scope', { allPipelines: true, scopes: [] }, 400, 'scope'],
    ['a scope that does not exist', { allPipelines: true, scopes: ['admin'] }, 400, 'scope'],
    ['nothing about pipelines', { scopes: ['runs:read'] }, 400, 'which pipelines'],
    [
      'all pipelines and some',
      { scopes: ['runs:read'], allPipelines: true, pipelines: ['deploy'] },
      400,
      'not both',
    ],
    ['a pipeline that is not there', { scopes: ['runs:read'], pipelines: ['nothing'] }, 404, 'nothing'],
    ['a life of no length', { scopes: ['runs:read'], allPipelines: true, expiresIn: 0 }, 400, 'minute'],
    [
      'a field it does not know',
      { scopes: ['runs:read'], allPipelines: true, expires: '90d' },
      400,
      'expires',
    ],
  ])('S168: %s is refused', async (_name, body, status, word) => {
    const answer = await send('POST', '/api/auth/cli-tokens', { as: ada, body: { name: 'X', ...body } })
    expect(answer.status).toBe(status)
    expect(answer.text).toContain(word)
    expect(answer.text).not.toContain('ci_')
  })

  test('nobody passes on what they may not do: neither a role nor a narrow login can', async () => {
    const wanted = { name: 'X', scopes: ['runners:manage'], allPipelines: true }
    const member = await send('POST', '/api/auth/cli-tokens', { as: eve, body: wanted })
    expect(member.status).toBe(403)
    expect(member.body).toMatchObject({ error: 'insufficient_scope', requiredScopes: ['runners:manage'] })
    const narrow = (await logIn(server.url, ADA, 'openid offline_access runs:read')).access_token
    const more = { name: 'X', scopes: ['runs:read', 'runs:trigger'], allPipelines: true }
    expect((await send('POST', '/api/auth/cli-tokens', { as: narrow, body: more })).status).toBe(403)
  })

  test('S168: it takes a login: no credential, and no token, can make, list or end one', async () => {
    const { id, token } = await make({ scopes: ['runs:read'], allPipelines: true })
    const body = { name: 'X', scopes: ['runs:read'], allPipelines: true }
    for (const [as, status] of [
      [undefined, 401],
      [token, 403],
    ] as const) {
      const given = as === undefined ? {} : { as }
      expect((await send('POST', '/api/auth/cli-tokens', { ...given, body })).status).toBe(status)
      expect((await send('GET', '/api/auth/cli-tokens', given)).status).toBe(status)
      expect((await send('DELETE', `/api/auth/cli-tokens/${id}`, given)).status).toBe(status)
      expect((await send('POST', '/api/auth/download-token', given)).status).toBe(status)
    }
  })

  test.each([
    ['openid alone', 'openid', 'GET', '/api/auth/cli-tokens'],
    ['openid alone, to end one', 'openid', 'DELETE', '/api/auth/cli-tokens/tok_0'],
    ['the scope of the token', 'runs:read', 'POST', '/api/auth/cli-tokens'],
    ['all scopes', ALL, 'POST', '/api/auth/cli-tokens'],
    ['all scopes, to list', ALL, 'GET', '/api/auth/cli-tokens'],
    ['all scopes, to end one', ALL, 'DELETE', '/api/auth/cli-tokens/tok_0'],
    ['all scopes, for a download', ALL, 'POST', '/api/auth/download-token'],
  ])(
    'a program of somebody else\u2019s has no say about them, with %s',
    async (_name, scope, method, path) => {
      const { access_token: as } = await logInToProgram(server.url, ADA, scope)
      const body = { name: 'X', scopes: ['runs:read'], allPipelines: true }
      const answer = await send(method, path, method === 'POST' ? { as, body } : { as })
      expect(answer.status).toBe(403)
      expect(answer.body).toMatchObject({
        error: 'login_required',
        hint: expect.stringContaining('fob auth login'),
      })
      expect(answer.text).not.toContain('tok_')
    },
  )

  test('it does what was consented to, and is no administrator whatever that was', async () => {
    const { access_token: narrow } = await logInToProgram(server.url, ADA, 'openid runs:read')
    expect((await send('GET', '/api/runs', { as: narrow })).status).toBe(200)
    expect((await send('GET', '/api/pipelines', { as: narrow })).status).toBe(403)
    expect((await send('GET', '/oauth/userinfo', { as: narrow })).body).toMatchObject({ email: ADA.email })
    const { access_token: all } = await logInToProgram(server.url, ADA, ALL)
    expect((await send('GET', '/api/runners', { as: all })).status).toBe(200)
    expect((await send('GET', '/api/audit', { as: all })).status).toBe(403)
    expect((await send('POST', '/api/secrets/rewrap', { as: all, body: {} })).status).toBe(403)
    expect((await send('GET', '/api/audit', { as: ada })).status).toBe(200)
  })

  test('a login of the command line that was narrowed passes on no more than it has', async () => {
    const { access_token: as } = await logIn(server.url, ADA, 'openid runs:read')
    const wish = (scopes: string[]) => ({ as, body: { name: 'N', scopes, allPipelines: true } })
    expect((await send('POST', '/api/auth/cli-tokens', wish(['secrets:read']))).status).toBe(403)
    const made = await send('POST', '/api/auth/cli-tokens', wish(['runs:read']))
    expect(made.body).toMatchObject({ scopes: ['runs:read'] })
  })

  test('nor does it end a token that it could not have made', async () => {
    const { access_token: as } = await logIn(server.url, ADA, 'openid runs:read')
    const wider = await make({ scopes: ['runs:read', 'pipelines:write'], allPipelines: true })
    const refused = await send('DELETE', `/api/auth/cli-tokens/${wider.id}`, { as })
    expect(refused.status).toBe(403)
    expect(refused.body).toMatchObject({
      error: 'insufficient_scope',
      requiredScopes: ['pipelines:write'],
      hint: expect.stringContaining('--scope'),
    })
    expect((await send('GET', '/api/runs', { as: wider.token })).status).toBe(200)
    const own = await make({ scopes: ['runs:read'], allPipelines: true })
    expect((await send('DELETE', `/api/auth/cli-tokens/${own.id}`, { as })).status).toBe(204)
    expect((await send('DELETE', `/api/auth/cli-tokens/${wider.id}`, { as: ada })).status).toBe(204)
  })

  test('S161, S168: the token of the documented login makes one', async () => {
    const { body: login } = await send('POST', '/api/auth/login', { body: ADA })
    const { body: again } = await send('POST', '/api/auth/refresh', {
      body: { refreshToken: login.refreshToken },
    })
    for (const as of [String(login.token), String(again.token)]) {
      const body = { name: 'X', scopes: ['runs:read'], allPipelines: true }
      expect((await send('POST', '/api/auth/cli-tokens', { as, body })).status).toBe(201)
    }
  })

  test('the token check answers with the owner and what the token may do', async () => {
    const { token } = await make({ scopes: ['runs:read'], allPipelines: true })
    const answer = await send('GET', '/api/v1/profile', { as: token })
    expect(answer.body).toMatchObject({ email: ADA.email, tenant: 'default', scopes: ['runs:read'] })
  })

  test('it is no login, so there is no user information for it, which OpenID clients are told', async () => {
    const { token } = await make({ scopes: ['runs:read'], allPipelines: true })
    for (const method of ['GET', 'POST']) {
      const answer = await send(method, '/oauth/userinfo', { as: token })
      expect([answer.status, answer.body.error]).toEqual([403, 'insufficient_scope'])
      expect(answer.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
      expect(answer.text).not.toContain(ADA.email)
    }
  })

  test('a revoked token stops at once; that of somebody else is not there', async () => {
    const { id, token } = await make({ scopes: ['runs:read'], allPipelines: true })
    expect((await send('DELETE', `/api/auth/cli-tokens/${id}`, { as: eve })).status).toBe(404)
    expect((await send('GET', '/api/runs', { as: token })).status).toBe(200)
    expect((await send('DELETE', `/api/auth/cli-tokens/${id}`, { as: ada })).status).toBe(204)
    const refused = await send('GET', '/api/runs', { as: token })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"')
  })

  test('R12: a token can end itself, whatever its scopes', async () => {
    const { token } = await make({ scopes: ['runs:read'], pipelines: ['deploy'] })
    expect((await send('DELETE', '/api/auth/cli-tokens/current', { as: token })).status).toBe(204)
    expect((await send('GET', '/api/runs', { as: token })).status).toBe(401)
    expect((await send('DELETE', '/api/auth/cli-tokens/current', { as: ada })).status).toBe(409)
  })
})

describe('S181: a scope opens its routes and no others', () => {
  /** S173 to S180 in the names of R13: what each scope is for. */
  const RULES: Record<string, [string, string, unknown?][]> = {
    'pipelines:read': [
      ['GET', '/api/pipelines'],
      ['GET', '/api/pipelines/deploy'],
    ],
    'pipelines:write': [
      ['PUT', '/api/pipelines/x', {}],
      ['DELETE', '/api/pipelines/x'],
    ],
    'runs:read': [
      ['GET', '/api/runs'],
      ['GET', '/api/runs/run_x'],
      ['GET', '/api/runs/run_x/events'],
      ['GET', '/api/runs/run_x/log'],
    ],
    'runs:trigger': [
      ['POST', '/api/pipelines/x/run', {}],
      ['POST', '/api/runs/run_x/stop'],
    ],
    'secrets:read': [['GET', '/api/secrets']],
    'secrets:write': [
      ['PUT', '/api/secrets/K', {}],
      ['DELETE', '/api/secrets/K'],
    ],
    'runners:read': [
      ['GET', '/api/runners'],
      ['GET', '/api/runners/rnr_x'],
      ['GET', '/api/runners/install.sh'],
    ],
    'runners:manage': [
      ['POST', '/api/runners', {}],
      ['PUT', '/api/runners/rnr_x', {}],
      ['DELETE', '/api/runners/rnr_x'],
      ['POST', '/api/runners/rnr_x/regenerate'],
    ],
  }
  const NUMBERS = ['S173', 'S174', 'S175', 'S176', 'S177', 'S178', 'S179', 'S180']

  test.each(Object.keys(RULES).map((scope, i) => [NUMBERS[i] ?? '', scope] as const))(
    '%s: %s',
    async (_number, scope) => {
      const { token } = await make({ scopes: [scope], allPipelines: true })
      for (const [other, routes] of Object.entries(RULES)) {
        for (const [method, path, body] of routes) {
          const answer = await send(method, path, { as: token, body })
          const what = `${method} ${path}`
          if (other === scope)
            expect({ what, refused: answer.status === 403 || answer.status === 401 }).toEqual({
              what,
              refused: false,
            })
          else
            expect({ what, ...answer.body }).toMatchObject({
              what,
              error: 'insufficient_scope',
              requiredScopes: [other],
            })
        }
      }
    },
  )
})

/** The three ways to follow a run. */
const follow = (id: string, as: string) =>
  Promise.all(['', '/events', '/log'].map((of) => send('GET', `/api/runs/${id}${of}`, { as })))

describe('a token that may only start runs', () => {
  test('follows the run that it has started, and reads no other', async () => {
    const wish = { scopes: ['runs:trigger'], allPipelines: true }
    const { token } = await make(wish)
    const started = await send('POST', '/api/pipelines/other/run', { as: token, body: {} })
    const id = String(started.body.run_id)
    const own = await follow(id, token)
    expect(own.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(own[1]?.text).toContain('event: exit')
    const again = { as: token, headers: { 'last-event-id': '1' } }
    expect((await send('GET', `/api/runs/${id}/events`, again)).text).toContain('event: exit')
    expect((await send('GET', '/api/runs', { as: token })).status).toBe(403)

    // Its owner's other tokens, its owner, and other people: none of their runs is its run.
    const other = await make(wish)
    for (const as of [other.token, ada]) {
      const theirs = await send('POST', '/api/pipelines/other/run', { as, body: {} })
      for (const { status, body } of await follow(String(theirs.body.run_id), token)) {
        expect([status, body.requiredScopes]).toEqual([403, ['runs:read']])
      }
    }
    for (const { status } of await follow(id, other.token)) expect(status).toBe(403)
    // A run that does not exist looks the same.
    for (const { status } of await follow(`run_${'0'.repeat(32)}`, token)) expect(status).toBe(403)
  })

  test('a token without runs:trigger does not follow by having a name', async () => {
    const { token } = await make({ scopes: ['pipelines:read'], allPipelines: true })
    for (const { status } of await follow(await startRun('other'), token)) expect(status).toBe(403)
  })
})

test('setting a pipeline says whose it replaces, and when that was set', async () => {
  const put = (as: string) =>
    send('PUT', '/api/pipelines/replaced', { as, body: { source: SOURCE, filename: 'p.ts' } })
  const first = await put(ada)
  expect([first.status, first.body.replaced]).toEqual([201, undefined])
  const second = await put(ada)
  expect([second.status, second.body.replaced]).toEqual([
    200,
    { setBy: ADA.email, setAt: first.body.updatedAt },
  ])
  await send('DELETE', '/api/pipelines/replaced', { as: ada })
})

describe('a token for some pipelines', () => {
  const SCOPES = [
    'pipelines:read',
    'pipelines:write',
    'runs:read',
    'runs:trigger',
    'secrets:read',
    'secrets:write',
  ]
  let token: string
  let hidden: string
  let shown: string

  beforeAll(async () => {
    token = (await make({ scopes: SCOPES, pipelines: ['deploy'] })).token
    hidden = await startRun('other')
    shown = await startRun('deploy')
  })

  test('lists hide the others', async () => {
    const pipelines = await send('GET', '/api/pipelines', { as: token })
    expect((pipelines.body.items as { name: string }[]).map(({ name }) => name)).toEqual(['deploy'])
    const runs = await send('GET', '/api/runs', { as: token })
    expect((runs.body.items as { id: string }[]).map(({ id }) => id)).toEqual([shown])
    const filtered = await send('GET', '/api/runs?pipeline=other', { as: token })
    expect(filtered.body.items).toEqual([])
    const secrets = await send('GET', '/api/secrets', { as: token })
    expect((secrets.body.items as { pipeline: string }[]).map(({ pipeline }) => pipeline)).toEqual(['deploy'])
  })

  test.each<[string, string, unknown]>([
    ['GET', '/api/pipelines/other', undefined],
    ['PUT', '/api/pipelines/other', { source: SOURCE, filename: 'p.ts' }],
    ['PUT', '/api/pipelines/new', { source: SOURCE, filename: 'p.ts' }],
    ['DELETE', '/api/pipelines/other', undefined],
    ['POST', '/api/pipelines/other/run', {}],
    ['GET', '/api/runs/HIDDEN', undefined],
    ['GET', '/api/runs/HIDDEN/events', undefined],
    ['GET', '/api/runs/HIDDEN/log', undefined],
    ['POST', '/api/runs/HIDDEN/stop', undefined],
    ['GET', '/api/secrets?pipeline=other', undefined],
    ['PUT', '/api/secrets/KEY?pipeline=other', { value: 'another-value' }],
    ['DELETE', '/api/secrets/KEY?pipeline=other', undefined],
  ])('%s %s is not there', async (method, path, body) => {
    const answer = await send(method, path.replace('HIDDEN', hidden), { as: token, body })
    expect(answer.status).toBe(404)
  })

  test('a name that is taken and one that is free answer alike', async () => {
    const body = { source: SOURCE, filename: 'p.ts' }
    const [taken, free] = [
      await send('PUT', '/api/pipelines/other', { as: token, body }),
      await send('PUT', '/api/pipelines/free', { as: token, body }),
    ]
    expect(taken.text).toBe(free.text)
  })

  test.each<[string, string, unknown]>([
    ['PUT', '/api/secrets/GLOBAL', { value: 'another-value' }],
    ['DELETE', '/api/secrets/GLOBAL', undefined],
  ])('%s %s is refused: a global secret is one of every pipeline', async (method, path, body) => {
    expect(await send(method, path, { as: token, body })).toMatchObject({
      status: 403,
      body: { error: 'pipeline_token' },
    })
  })

  test('its own it can use', async () => {
    expect((await send('GET', `/api/runs/${shown}`, { as: token })).status).toBe(200)
    expect(
      (await send('PUT', '/api/secrets/MORE?pipeline=deploy', { as: token, body: { value: 'long-enough' } }))
        .status,
    ).toBe(204)
    const body = { source: SOURCE, filename: 'p.ts' }
    expect((await send('PUT', '/api/pipelines/deploy', { as: token, body })).status).toBe(200)
  })

  test('a later pipeline of the same name is another one', async () => {
    const body = { source: SOURCE, filename: 'p.ts' }
    await send('PUT', '/api/pipelines/passing', { as: ada, body })
    const passing = await make({ scopes: ['pipelines:read'], pipelines: ['passing'] })
    expect((await send('GET', '/api/pipelines/passing', { as: passing.token })).status).toBe(200)
    await send('DELETE', '/api/pipelines/passing', { as: ada })
    await send('PUT', '/api/pipelines/passing', { as: ada, body })
    expect((await send('GET', '/api/pipelines/passing', { as: passing.token })).status).toBe(404)
  })
})

describe('signed requests over HTTP', () => {
  const BODY = JSON.stringify({ value: 'grüße 🔑', allowShort: false })
  const PATH = '/api/secrets/SIGNED?pipeline=deploy'

  test('S182: unsigned requests work, and so do signed ones, whose body the handler still gets', async () => {
    const { token } = await make({ scopes: ['secrets:read', 'secrets:write'], allPipelines: true })
    expect((await send('GET', '/api/secrets', { as: token })).status).toBe(200)
    const headers = signed(token, 'PUT', PATH, BODY)
    expect((await send('PUT', PATH, { as: token, body: BODY, headers })).status).toBe(204)
    const list = await send('GET', '/api/secrets?pipeline=deploy', {
      as: token,
      headers: signed(token, 'GET', '/api/secrets?pipeline=deploy'),
    })
    expect(list.text).toContain('SIGNED')
  })

  test.each<[string, (token: string) => Record<string, string>, string]>([
    ['S187: another body', (t) => signed(t, 'PUT', PATH, `${BODY} `), 'signature_invalid'],
    [
      'R14: the body parsed and written again',
      (t) => signed(t, 'PUT', PATH, JSON.stringify(JSON.parse(BODY), null, 1)),
      'signature_invalid',
    ],
    [
      'R14: a path without its query',
      (t) => signed(t, 'PUT', '/api/secrets/SIGNED', BODY),
      'signature_invalid',
    ],
    ['S186: another method', (t) => signed(t, 'POST', PATH, BODY), 'signature_invalid'],
    [
      'S188: six minutes ago',
      (t) => signed(t, 'PUT', PATH, BODY, { at: Date.now() - 360_000 }),
      'signature_expired',
    ],
    [
      'S188: six minutes ahead',
      (t) => signed(t, 'PUT', PATH, BODY, { at: Date.now() + 360_000 }),
      'signature_expired',
    ],
    [
      'S184: seconds',
      (t) => signed(t, 'PUT', PATH, BODY, { at: Math.round(Date.now() / 1000) }),
      'signature_expired',
    ],
    ['S183: a signature alone', () => ({ 'x-cli-signature': 'a'.repeat(64) }), 'signature_invalid'],
  ])('%s is refused, though the token needs no signature', async (_name, headersFor, error) => {
    const { token } = await make({ scopes: ['secrets:write'], allPipelines: true })
    const answer = await send('PUT', PATH, { as: token, body: BODY, headers: headersFor(token) })
    expect(answer).toMatchObject({ status: 401, body: { error } })
  })

  test('S189: the same request a second time is refused, and after a restart as well', async () => {
    const { token } = await make({ scopes: ['runs:read'], allPipelines: true })
    const headers = signed(token, 'GET', '/api/runs?limit=1')
    expect((await send('GET', '/api/runs?limit=1', { as: token, headers })).status).toBe(200)
    const again = () => send('GET', '/api/runs?limit=1', { as: token, headers })
    expect(await again()).toMatchObject({ status: 401, body: { error: 'nonce_reused' } })
    await server.stop()
    server = await startServer({ strategy: localAccounts, dataDir, port: Number(new URL(server.url).port) })
    expect(await again()).toMatchObject({ status: 401, body: { error: 'nonce_reused' } })
  })

  test('a signature that was wrong has not used up its nonce', async () => {
    const { token } = await make({ scopes: ['runs:read'], allPipelines: true })
    const nonce = randomUUID()
    const wrong = signed(token, 'GET', '/api/other', '', { nonce })
    expect((await send('GET', '/api/runs', { as: token, headers: wrong })).status).toBe(401)
    const right = signed(token, 'GET', '/api/runs', '', { nonce })
    expect((await send('GET', '/api/runs', { as: token, headers: right })).status).toBe(200)
  })

  test('S182: a token for signed requests only is refused without one, and told how', async () => {
    const { token } = await make({ scopes: ['runs:read'], allPipelines: true, requireSignature: true })
    const bare = await send('GET', '/api/v1/profile', { as: token })
    expect(bare).toMatchObject({ status: 401, body: { error: 'signature_required' } })
    expect(String(bare.body.hint)).toContain('FOB_SIGN=1')
    const headers = signed(token, 'GET', '/api/v1/profile')
    expect((await send('GET', '/api/v1/profile', { as: token, headers })).status).toBe(200)
  })
})

describe('runners over HTTP', () => {
  test('S190 to S192: made, heard, regenerated, renamed, deleted', async () => {
    const made = await send('POST', '/api/runners', { as: ada, body: { name: 'build-1' } })
    expect(made.status).toBe(201)
    const { id, token } = made.body as { id: string; token: string }
    expect(token).toMatch(/^rn_[0-9A-Za-z]{36}$/)
    const beat = (value: string) =>
      send('POST', '/api/runners/heartbeat', {
        body: { status: 'online', version: '1.0.0' },
        headers: { 'X-Runner-Token': value },
      })
    expect(await beat(token)).toMatchObject({ status: 200, body: { name: 'build-1', status: 'online' } })
    const list = await send('GET', '/api/runners', { as: ada })
    expect(list.body.items).toMatchObject([{ id, name: 'build-1', status: 'online', version: '1.0.0' }])
    expect(list.text).not.toContain('rn_')
    const again = await send('POST', `/api/runners/${id}/regenerate`, { as: ada })
    expect((await beat(token)).status).toBe(401)
    expect((await beat(String(again.body.token))).status).toBe(200)
    expect((await send('PUT', `/api/runners/${id}`, { as: ada, body: { name: 'build-2' } })).body.name).toBe(
      'build-2',
    )
    expect((await send('POST', '/api/runners', { as: ada, body: { name: 'build-2' } })).status).toBe(409)
    expect((await send('DELETE', `/api/runners/${id}`, { as: ada })).status).toBe(204)
    expect((await beat(String(again.body.token))).status).toBe(401)
  })

  test('S190: a runner token opens nothing but the heartbeat, and nothing else opens that', async () => {
    const made = await send('POST', '/api/runners', { as: ada, body: { name: 'lonely' } })
    const token = String(made.body.token)
    const header = { 'X-Runner-Token': token }
    for (const path of ['/api/v1/profile', '/api/runners', '/api/pipelines', '/api/runs']) {
      expect((await send('GET', path, { as: token })).status).toBe(401)
      expect((await send('GET', path, { headers: header })).status).toBe(401)
    }
    const body = { status: 'online', version: '1.0.0' }
    expect((await send('POST', '/api/runners/heartbeat', { as: token, body })).status).toBe(401)
    expect((await send('POST', '/api/runners/heartbeat', { as: ada, body })).status).toBe(401)
    const bad = { status: 'sleeping', version: '1.0.0' }
    expect((await send('POST', '/api/runners/heartbeat', { headers: header, body: bad })).status).toBe(400)
  })

  test('S180: a member who is no administrator does not manage runners', async () => {
    expect((await send('POST', '/api/runners', { as: eve, body: { name: 'x' } })).status).toBe(403)
    expect((await send('GET', '/api/runners', { as: eve })).status).toBe(200)
  })
})

describe('service keys over HTTP', () => {
  test('S193: a key gets a token, the token acts within its scopes and pipelines, the key itself does not', async () => {
    const { value, key } = await withServiceKeys({ dataDir, clock: systemClock }, async (keys) =>
      keys.create({
        name: 'ci',
        tenant: undefined,
        scopes: ['pipelines:read', 'runs:trigger'],
        pipelines: ['deploy'],
      }),
    )
    issued.push(value.reveal())
    const answer = await send('POST', '/api/auth/service-token', {
      headers: { 'x-service-key': value.reveal() },
    })
    expect(answer).toMatchObject({ status: 200, body: { tokenType: 'Bearer', expiresIn: 3600 } })
    const token = String(answer.body.token)
    expect(token).toStartWith('st_')
    const profile = await send('GET', '/api/v1/profile', { as: token })
    expect(profile.body).toMatchObject({ id: `service:${key.id}`, name: 'ci', role: 'member', email: null })
    expect((await send('GET', '/api/pipelines', { as: token })).text).not.toContain('other')
    const started = await send('POST', '/api/pipelines/deploy/run', { as: token, body: {} })
    expect(started.status).toBe(202)
    expect((await send('GET', `/api/runs/${String(started.body.run_id)}/log`, { as: token })).status).toBe(
      200,
    )
    expect((await send('POST', '/api/pipelines/other/run', { as: token, body: {} })).status).toBe(404)
    expect((await send('GET', '/api/secrets', { as: token })).status).toBe(403)
    expect((await send('GET', '/api/pipelines', { as: value.reveal() })).status).toBe(401)
    const body = { name: 'X', scopes: ['runs:trigger'], allPipelines: true }
    expect((await send('POST', '/api/auth/cli-tokens', { as: token, body })).status).toBe(403)
    await withServiceKeys({ dataDir, clock: systemClock }, (keys) => keys.remove(key.id))
    expect((await send('GET', '/api/pipelines', { as: token })).status).toBe(401)
  })

  test.each([
    ['none', {}],
    ['another', { 'x-service-key': `sk_${'A'.repeat(30)}390g5D` }],
    ['one that is none', { 'x-service-key': 'sk_x' }],
  ])('S193: %s is refused', async (_name, headers) => {
    expect((await send('POST', '/api/auth/service-token', { headers })).status).toBe(401)
  })
})

describe('download tokens over HTTP', () => {
  test('S194: a login gets one, as documented without a body; it opens the script once', async () => {
    const answer = await send('POST', '/api/auth/download-token', { as: ada })
    expect(answer).toMatchObject({ status: 200, body: { expiresIn: 300, path: '/api/runners/install.sh' } })
    const token = String(answer.body.token)
    expect((await send('GET', '/api/runners', { as: token })).status).toBe(401)
    expect((await send('DELETE', '/api/runners/install.sh', { as: token })).status).toBe(401)
    const script = await send('GET', '/api/runners/install.sh', { as: token })
    expect(script.status).toBe(200)
    expect(script.text).toStartWith('#!/bin/sh\n')
    expect(script.text).toContain(`server='${server.url}'`)
    expect((await send('GET', '/api/runners/install.sh', { as: token })).status).toBe(401)
  })

  test('S194: the log of a run is downloaded with one', async () => {
    const started = await send('POST', '/api/pipelines/deploy/run', { as: ada, body: {} })
    const id = String(started.body.run_id)
    // The stream of events ends with the run.
    await send('GET', `/api/runs/${id}/events`, { as: ada })
    for (const part of ['events', 'log']) {
      const head = await send('HEAD', `/api/runs/${id}/${part}`, { as: ada })
      // What has no length before its end says none, not 0.
      expect([head.status, head.text, head.headers.get('content-length')]).toEqual([200, '', null])
    }
    const path = `/api/runs/${id}/log`
    const { body } = await send('POST', '/api/auth/download-token', { as: ada, body: { path } })
    const log = await send('GET', path, { as: String(body.token) })
    expect(log).toMatchObject({ status: 200, text: 'hello\n' })
    expect(log.headers.get('content-disposition')).toBe(`attachment; filename="${id}.log"`)
  })

  test('S194: only for what is there to be downloaded, and only with the scope', async () => {
    expect((await askDownload('/api/secrets')).status).toBe(400)
    expect((await askDownload('/api/runners/install.sh?x=y')).status).toBe(400)
    const narrow = (await logIn(server.url, ADA, 'openid offline_access secrets:read')).access_token
    expect((await askDownload('/api/runners/install.sh', narrow)).status).toBe(403)
  })
})

test('S190: the install script shows its token to the server and to no process list', async () => {
  const { body } = await send('POST', '/api/runners', { as: ada, body: { name: 'scripted' } })
  const script = await send('GET', '/api/runners/install.sh', { as: ada })
  const run = async (token: string) => {
    const child = Bun.spawn(['sh', '-s'], {
      stdin: new TextEncoder().encode(script.text),
      stdout: 'pipe',
      stderr: 'pipe',
      env: { PATH: process.env.PATH ?? '', ...(token === '' ? {} : { FOB_RUNNER_TOKEN: token }) },
    })
    return { code: await child.exited, err: await new Response(child.stderr).text() }
  }
  expect(await run(String(body.token))).toMatchObject({
    code: 0,
    err: expect.stringContaining('can be a runner'),
  })
  expect((await run('')).code).toBe(2)
  expect((await run('rn_wrong')).code).not.toBe(0)
  const list = await send('GET', '/api/runners', { as: ada })
  expect(list.text).toMatch(/"name":"scripted","status":"offline","version":"none"/)
})

describe('a server without logins', () => {
  test.each([
    ['open', undefined, {}],
    [
      'basic',
      { kind: 'basic', username: 'admin', password: new Secret('secret123') } as const,
      { authorization: `Basic ${btoa('admin:secret123')}` },
    ],
  ])('%s: nobody can own a token, and runners work', async (_name, strategy, headers) => {
    const plain = await startServer(strategy === undefined ? {} : { strategy })
    const ask = async (path: string, body: unknown, more: Record<string, string> = headers) => {
      const answer = await fetch(`${plain.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...more },
        body: JSON.stringify(body),
      })
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
    }
    const wanted = { name: 'X', scopes: ['runs:read'], allPipelines: true }
    expect(await ask('/api/auth/cli-tokens', wanted)).toMatchObject({
      status: 403,
      body: { error: 'needs_oauth' },
    })
    const made = await ask('/api/runners', { name: 'build-1' })
    expect(made.status).toBe(201)
    const beat = { status: 'online', version: '1.0.0' }
    const token = { 'X-Runner-Token': String(made.body.token) }
    expect((await ask('/api/runners/heartbeat', beat, token)).status).toBe(200)
    expect((await ask('/api/runners/heartbeat', beat, {})).status).toBe(401)
    await plain.stop()
  })
})

test('S172: a dump of the database, and the log, hold no usable token', () => {
  expect(issued.length).toBeGreaterThan(30)
  const sqlite = new Database(databasePath(dataDir), { readonly: true })
  const tables = sqlite.query("SELECT name FROM sqlite_schema WHERE type = 'table'").all() as {
    name: string
  }[]
  const dump = tables
    .map(({ name }) => JSON.stringify(sqlite.query(`SELECT * FROM "${name}"`).all()))
    .join('\n')
  sqlite.close()
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
  for (const text of [dump, server.log(), ...files]) {
    expect(text.match(TOKEN_PATTERN)).toBeNull()
    for (const token of [...issued, ada, eve]) expect(text.includes(token)).toBe(false)
  }
  // The search would have found one: the rows of these tokens are there.
  expect(dump).toContain('tok_')
})

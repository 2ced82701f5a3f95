/** Scoped tokens on the binary: each scope, signed requests, runners and service keys. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signatureOf } from '../../../src/contract/request-signing.ts'
import { TOKEN_PATTERN } from '../../../src/contract/token-format.ts'
import { binaryLogin } from '../../support/client/binary-login.ts'
import { type Ended, fob } from '../../support/client/compiled-binary.ts'
import { type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** Tokens, runners and service keys as a user of the compiled binary meets them. */

let server: BinaryServer
let home: string
/** Every token that was printed, for the search at the end. */
const printed: string[] = []

async function run(args: string[], env: Record<string, string> = {}, stdin?: string): Promise<Ended> {
  const ended = await fob(args, { home, cwd: home, env, ...(stdin === undefined ? {} : { stdin }) })
  for (const [token] of `${ended.out}${ended.err}`.matchAll(TOKEN_PATTERN)) printed.push(token)
  return ended
}

/** The same as somebody who has nothing but a token. */
const as = (token: string, args: string[], env: Record<string, string> = {}) =>
  fob([...args, '-s', server.url], { env: { FOB_TOKEN: token, ...env } })

const create = async (...args: string[]) => {
  const { code, out, err } = await run(['tokens', 'create', ...args])
  if (code !== 0) throw new Error(err)
  return out.trim()
}

async function post(path: string, headers: Record<string, string>, body?: unknown) {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  for (const [token] of text.matchAll(TOKEN_PATTERN)) printed.push(token)
  return { status: response.status, body: JSON.parse(text) as Record<string, unknown> }
}

const beat = (value: string) =>
  post('/api/runners/heartbeat', { 'X-Runner-Token': value }, { status: 'online', version: '1.0.0' })

beforeAll(async () => {
  server = await startBinaryServer()
  home = temporaryFolder()
  const login = await binaryLogin(server.url, { home })
  if (login.code !== 0) throw new Error(login.err)
  writeFileSync(join(home, 'job.ts'), 'export const pipeline = async () => { console.log("ran") }\n')
  for (const name of ['job', 'other']) await run(['pipeline', 'set', 'job.ts', '-n', name])
}, 60_000)
afterAll(() => server.stop())

describe('scoped tokens on the compiled binary', () => {
  test('S168, S169, S170: the documented request with the JWT of a login', async () => {
    const jwt = (await fob(['auth', 'token'], { home })).out.trim()
    const answer = await post(
      '/api/auth/cli-tokens',
      { authorization: `Bearer ${jwt}` },
      { name: 'CI Pipeline', scopes: ['repos:read', 'scans:read', 'scans:trigger'], allRepositories: true },
    )
    expect(answer).toMatchObject({
      status: 201,
      body: {
        token: expect.stringMatching(/^ci_[0-9A-Za-z]{36}$/),
        name: 'CI Pipeline',
        scopes: ['pipelines:read', 'runs:read', 'runs:trigger'],
        allRepositories: true,
      },
    })
  })

  test('S172: the value stands alone on stdout, once; the words are on stderr', async () => {
    const made = await run(['tokens', 'create', 'once', '--scope', 'runs:read', '--all-pipelines'])
    expect(made.out).toMatch(/^ci_[0-9A-Za-z]{36}\n$/)
    expect(made.err).toMatch(
      /^Created tok_\w+, which does not expire; fob tokens revoke tok_\w+ revokes it\nThe value is shown now/,
    )
    const list = await run(['tokens', 'list'])
    expect(list.out).toContain('\tonce\truns:read\tall\t')
    expect(list.out).not.toContain('ci_')
  })

  test('S169, S171: -o json has it all, with its end', async () => {
    const args = [
      'tokens',
      'create',
      'brief',
      '--scope',
      'runs:read',
      '-p',
      'job',
      '--expires',
      '90d',
      '-o',
      'json',
    ]
    const answer = JSON.parse((await run(args)).out) as Record<string, unknown>
    expect(answer).toMatchObject({
      name: 'brief',
      pipelines: ['job'],
      allPipelines: false,
      token: expect.any(String),
    })
    const days = (Date.parse(String(answer.expiresAt)) - Date.parse(String(answer.createdAt))) / 86_400_000
    expect(days).toBe(90)
  })

  test('S173 to S181: a token does what its scope says and no more', async () => {
    const token = await create('reader', '--scope', 'pipelines:read', '--all-pipelines')
    expect((await as(token, ['pipeline', 'list'])).out).toContain('job')
    const refused = await as(token, ['runs', 'list'])
    expect(refused.code).toBe(5)
    expect(refused.err).toContain('runs:read')
  })

  test('a token for one pipeline sees no other', async () => {
    const token = await create(
      'narrow',
      '--scope',
      'pipelines:read,runs:trigger,runs:read',
      '--pipeline',
      'job',
    )
    expect((await as(token, ['pipeline', 'list'])).out).not.toContain('other')
    expect((await as(token, ['pipeline', 'show', 'other'])).code).toBe(6)
    expect((await as(token, ['pipeline', 'run', 'other'])).code).toBe(6)
    expect((await as(token, ['pipeline', 'run', 'job'])).out).toBe('ran\n')
  })

  test('fob auth login --token-stdin takes one, and logout ends it (R12)', async () => {
    const token = await create('to log in with', '--scope', 'pipelines:read', '--all-pipelines')
    const other = temporaryFolder()
    const login = ['auth', 'login', '--token-stdin', '-s', server.url, '--insecure-storage']
    expect(await fob(login, { home: other, stdin: `${token}\n` })).toMatchObject({
      code: 0,
      err: expect.stringContaining('ada@example.com'),
    })
    expect((await fob(['pipeline', 'list'], { home: other })).out).toContain('job')
    expect((await fob(['tokens', 'list'], { home: other })).code).toBe(5)
    const logout = await fob(['auth', 'logout'], { home: other })
    expect(logout.code).toBe(0)
    expect(logout.err).toStartWith(`Logged out of ${server.url} (ada@example.com)\n`)
    expect(logout.err).toContain('whatever else uses it')
    expect((await as(token, ['pipeline', 'list'])).code).toBe(4)
  })

  test('R12: the next login of the same account ends the one before it, but no ci_ token (S244), and itself works', async () => {
    const other = temporaryFolder()
    const stored = () => {
      const text = readFileSync(join(other, '.fob', 'credentials'), 'utf8')
      return JSON.parse(text).servers[server.url] as { token: string; refreshToken: string }
    }
    await binaryLogin(server.url, { home: other })
    const { token, refreshToken } = stored()
    const second = await binaryLogin(server.url, { home: other })
    expect(second).toMatchObject({ code: 0, err: expect.stringContaining('The login before it is revoked') })
    expect((await as(token, ['pipeline', 'list'])).code).toBe(4)
    const form = { grant_type: 'refresh_token', client_id: 'fob-cli', refresh_token: refreshToken }
    const refresh = await fetch(`${server.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
    })
    expect([refresh.status, await refresh.json()]).toMatchObject([400, { error: 'invalid_grant' }])
    expect((await fob(['auth', 'refresh'], { home: other })).code).toBe(0)

    const scoped = await create('to be replaced', '--scope', 'pipelines:read', '--all-pipelines')
    const login = ['auth', 'login', '--token-stdin', '-s', server.url, '--insecure-storage']
    const ofBrowser = stored().token
    for (const stdin of [scoped, scoped]) expect((await fob(login, { home: other, stdin })).code).toBe(0)
    expect((await as(ofBrowser, ['pipeline', 'list'])).code).toBe(4)
    expect((await as(scoped, ['pipeline', 'list'])).code).toBe(0)
    await binaryLogin(server.url, { home: other })
    expect((await as(scoped, ['pipeline', 'list'])).code).toBe(0)
    expect((await fob(['pipeline', 'list'], { home: other })).code).toBe(0)
  })

  test('fob tokens revoke ends it at once; a wrong ID is 6', async () => {
    const made = await run([
      'tokens',
      'create',
      'short',
      '--scope',
      'runs:read',
      '--all-pipelines',
      '-o',
      'json',
    ])
    const { id, token } = JSON.parse(made.out) as { id: string; token: string }
    expect((await as(token, ['runs', 'list'])).code).toBe(0)
    expect(await run(['tokens', 'revoke', id])).toMatchObject({ code: 0, err: `Revoked ${id}\n`, out: '' })
    expect((await as(token, ['runs', 'list'])).code).toBe(4)
    expect((await run(['tokens', 'revoke', id])).code).toBe(6)
  })
})

describe('what each scope opens, on the compiled binary', () => {
  /** One route of the scope, and one that needs another. */
  test.each([
    ['S173', 'pipelines:read', 'GET /api/pipelines/job', 'PUT /api/pipelines/job'],
    ['S174', 'pipelines:write', 'DELETE /api/pipelines/gone', 'GET /api/pipelines'],
    ['S175', 'runs:read', 'GET /api/runs', 'POST /api/pipelines/job/run'],
    ['S176', 'runs:trigger', 'POST /api/runs/gone/stop', 'GET /api/runs'],
    ['S177', 'secrets:read', 'GET /api/secrets', 'DELETE /api/secrets/GONE'],
    ['S178', 'secrets:write', 'DELETE /api/secrets/GONE', 'GET /api/secrets'],
    ['S179', 'runners:read', 'GET /api/runners', 'DELETE /api/runners/gone'],
    ['S180', 'runners:manage', 'DELETE /api/runners/gone', 'GET /api/runners'],
  ])('%s, S181: %s', async (_number, scope, open, shut) => {
    const token = await create('scope', '--scope', scope, '--all-pipelines')
    const call = async (route: string) => {
      const [method = '', path = ''] = route.split(' ')
      const headers = { authorization: `Bearer ${token}` }
      return (await fetch(`${server.url}${path}`, { method, headers })).status
    }
    expect([200, 404]).toContain(await call(open))
    expect(await call(shut)).toBe(403)
  })
})

describe('signed requests on the compiled binary', () => {
  test('S183 to S189: by hand, once, within the window, with the bytes that were signed', async () => {
    const token = await create('by hand', '--scope', 'secrets:write', '--all-pipelines')
    const path = '/api/secrets/BY_HAND?pipeline=job'
    const sent = '{"value": "grüße 🔑"}'
    const put = async (changes: { at?: number; nonce?: string; body?: string } = {}) => {
      const timestamp = String(changes.at ?? Date.now())
      const nonce = changes.nonce ?? randomUUID()
      const body = new TextEncoder().encode(changes.body ?? sent)
      const answer = await fetch(`${server.url}${path}`, {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'x-cli-timestamp': timestamp,
          'x-cli-nonce': nonce,
          'x-cli-signature': signatureOf({ timestamp, nonce, method: 'PUT', path, body }, token),
        },
        body: sent,
      })
      return answer.status === 204 ? 'done' : ((await answer.json()) as { error: string }).error
    }
    const nonce = randomUUID()
    expect(await put({ nonce })).toBe('done')
    expect(await put({ nonce })).toBe('nonce_reused')
    expect(await put({ body: JSON.stringify(JSON.parse(sent)) })).toBe('signature_invalid')
    expect(await put({ at: Date.now() - 301_000 })).toBe('signature_expired')
    expect(await put({ at: Date.now() + 301_000 })).toBe('signature_expired')
    expect(await put({ at: Date.now() - 290_000 })).toBe('done')
  })

  test('S182 to S189: fob signs when told to, and a token that needs it is refused otherwise', async () => {
    const token = await create(
      'signed',
      '--scope',
      'secrets:write,secrets:read,runs:trigger,runs:read',
      '--all-pipelines',
      '--require-signature',
    )
    const refused = await as(token, ['secrets', 'list'])
    expect(refused).toMatchObject({ code: 4, out: '' })
    expect(refused.err).toBe(
      'fob: this token is for signed requests only\nhint: set FOB_SIGN=1, or sign = true in config.toml\n',
    )
    const signing = { FOB_SIGN: '1' }
    expect((await as(token, ['secrets', 'set', 'SIGNED=grüße-🔑', '-p', 'job'], signing)).code).toBe(0)
    expect((await as(token, ['secrets', 'list', '-p', 'job'], signing)).out).toContain('SIGNED')
    // With a query, and with a stream of events.
    expect((await as(token, ['pipeline', 'run', 'job', 'a b', 'ü'], signing)).out).toBe('ran\n')
  })

  test('S182: FOB_SIGN says yes and no in every usual word, before the file, and nothing else', async () => {
    const scope = ['--scope', 'runs:read', '--all-pipelines', '--require-signature']
    const token = await create('signed by word', ...scope)
    const list = ['runs', 'list', '-s', server.url]
    const config = temporaryFolder()
    await Bun.write(join(config, '.fob', 'config.toml'), 'sign = true\n')
    const withFile = (sign: string) => fob(list, { home: config, env: { FOB_TOKEN: token, FOB_SIGN: sign } })
    for (const yes of ['true', 'YES', 'on'])
      expect((await as(token, ['runs', 'list'], { FOB_SIGN: yes })).code).toBe(0)
    for (const same of ['true', '']) expect((await withFile(same)).code).toBe(0)
    for (const no of ['0', 'False', 'off']) expect((await withFile(no)).code).toBe(4)
    for (const variable of ['FOB_SIGN', 'FOB_DEBUG', 'FOB_INSECURE_HTTP']) {
      const refused = await as(token, ['runs', 'list'], { [variable]: 'ture' })
      expect(refused).toMatchObject({ code: 2, out: '' })
      expect(refused.err).toStartWith(
        `fob: ${variable} takes true or false\nhint: 1, yes and on also mean true`,
      )
    }
  })

  test('S182: a login with such a token says what is missing, and works with sign = true', async () => {
    const token = await create(
      'signed login',
      '--scope',
      'runs:read',
      '--all-pipelines',
      '--require-signature',
    )
    const other = temporaryFolder()
    const login = ['auth', 'login', '--token-stdin', '-s', server.url, '--insecure-storage']
    const refused = await fob(login, { home: other, stdin: token })
    expect(refused).toMatchObject({ code: 4, err: expect.stringContaining('hint: set FOB_SIGN=1') })
    const configured = temporaryFolder()
    const config = join(configured, '.fob')
    await Bun.write(join(config, 'config.toml'), 'sign = true\n')
    expect((await fob(login, { home: configured, stdin: token })).code).toBe(0)
    expect((await fob(['runs', 'list'], { home: configured })).code).toBe(0)
    expect((await fob(['auth', 'status', '--check'], { home: configured })).out).toContain('accepted')
  })
})

describe('runners and service keys on the compiled binary', () => {
  test('S190 to S192: a runner is made, heard, regenerated and deleted', async () => {
    const made = await run(['runners', 'create', 'build-1', '-o', 'json'])
    const { id, token } = JSON.parse(made.out) as { id: string; token: string }
    expect((await beat(token)).status).toBe(200)
    expect((await run(['runners', 'list'])).out).toMatch(new RegExp(`^${id}\tbuild-1\tonline\t1\\.0\\.0\t`))
    const again = await run(['runners', 'regenerate', id])
    expect(again.out).toMatch(/^rn_[0-9A-Za-z]{36}\n$/)
    expect((await beat(token)).status).toBe(401)
    expect((await beat(again.out.trim())).status).toBe(200)
    expect((await as(again.out.trim(), ['runners', 'list'])).code).toBe(4)
    expect((await run(['runners', 'rm', id])).code).toBe(0)
    expect((await beat(again.out.trim())).status).toBe(401)
    expect((await run(['runners', 'rm', id])).code).toBe(6)
  })

  test('S193: a service key made on the data folder gets a token while the server runs', async () => {
    const data = ['--data', server.dataDir]
    const made = await run([
      'server',
      'service-key',
      'add',
      'ci',
      '--scope',
      'runs:trigger,runs:read',
      '-p',
      'job',
      ...data,
    ])
    expect(made.out).toMatch(/^sk_[0-9A-Za-z]{36}\n$/)
    const answer = await post('/api/auth/service-token', { 'x-service-key': made.out.trim() })
    const token = String(answer.body.token)
    expect((await as(token, ['pipeline', 'run', 'job'])).out).toBe('ran\n')
    expect((await as(token, ['pipeline', 'run', 'other'])).code).toBe(6)
    const keys = JSON.parse((await run(['server', 'service-key', 'list', '-o', 'json', ...data])).out) as {
      id: string
    }[]
    expect(keys).toHaveLength(1)
    expect((await run(['server', 'service-key', 'rm', keys[0]?.id ?? '', ...data])).code).toBe(0)
    expect((await post('/api/auth/service-token', { 'x-service-key': made.out.trim() })).status).toBe(401)
    expect((await as(token, ['pipeline', 'run', 'job'])).code).toBe(4)
  })

  test('S194: a download token opens the install script once', async () => {
    const jwt = (await fob(['auth', 'token'], { home })).out.trim()
    const { body } = await post('/api/auth/download-token', { authorization: `Bearer ${jwt}` })
    const download = () =>
      fetch(`${server.url}/api/runners/install.sh`, {
        headers: { authorization: `Bearer ${String(body.token)}` },
      })
    expect((await download()).status).toBe(200)
    expect((await download()).status).toBe(401)
  })
})

test('S172: no token is in the database, in any file of the server, or in its log', async () => {
  await server.stop()
  const { out, err } = await server.running.ended
  expect(printed.length).toBeGreaterThan(10)
  const sqlite = new Database(join(server.dataDir, 'fob.db'), { readonly: true })
  const tables = sqlite.query("SELECT name FROM sqlite_schema WHERE type = 'table'").all() as {
    name: string
  }[]
  const dump = tables
    .map(({ name }) => JSON.stringify(sqlite.query(`SELECT * FROM "${name}"`).all()))
    .join('\n')
  sqlite.close()
  const files = readdirSync(server.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
  for (const text of [dump, out, err, ...files]) {
    expect(text.match(TOKEN_PATTERN)).toBeNull()
    for (const token of printed) expect(text.includes(token)).toBe(false)
  }
  expect(dump).toContain('tok_')
})

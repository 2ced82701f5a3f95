/** Access to /mcp on an open server, with Basic and with logins: tokens, scopes and metadata (RFC 9728). */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomUUID } from 'node:crypto'
import { signatureOf } from '../../../src/contract/request-signing.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { connectHost, type McpHost } from '../../support/servers/mcp-client.ts'
import { logIn } from '../../support/servers/oauth-login.ts'
import { startServer, type TestServer } from '../../support/servers/test-server.ts'
import { type Company, openCompany, type Person, SCRIPT } from '../http/company.ts'

const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }
const CALL = (name: string, args: unknown) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
})
const account = (who: Person) => ({ email: `${who}@company.com`, password: 'correct horse battery' })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) })

/** One message of an older revision, by hand. */
async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

describe('an open server', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.stop())

  const rows: [name: string, body: unknown, headers: Record<string, string>, status: number, has: string][] =
    [
      ['answers a program', LIST, {}, 200, 'list_pipelines'],
      ['answers its own pages', LIST, { origin: 'SELF' }, 200, 'list_pipelines'],
      ['refuses another website', LIST, { origin: 'https://evil.example' }, 403, 'cross_site'],
      ['refuses a frame without an origin', LIST, { origin: 'null' }, 403, 'cross_site'],
      ['refuses another name for this machine', LIST, { host: 'evil.example' }, 403, 'wrong_host'],
      ['refuses a form', LIST, { 'content-type': 'text/plain' }, 415, 'application/json'],
      ['refuses what is not JSON', '{"jsonrpc"', {}, 400, '-32700'],
      ['refuses an empty body', '', {}, 400, '-32700'],
      ['refuses what is no message', '[]', {}, 400, 'error'],
      [
        'refuses more messages than anybody sends at once',
        Array.from({ length: 51 }, () => LIST),
        {},
        400,
        '-32600',
      ],
      ['refuses brackets in brackets', '['.repeat(9e5) + ']'.repeat(9e5), {}, 400, '-32'],
      ['refuses a message that is deep', { ...LIST, params: deep(200) }, {}, 400, '-32600'],
      ['refuses a body of over 10 MiB', `"${'a'.repeat(11 << 20)}"`, {}, 413, 'too_large'],
    ]
  test.each(rows)('%s', async (_name, body, headers, status, has) => {
    const sent = headers.origin === 'SELF' ? { origin: server.url } : headers
    const answer = await post(server.url, body, sent)
    expect({ status: answer.status, has: answer.text.includes(has) }).toEqual({ status, has: true })
  })

  test.each(['GET', 'DELETE', 'PUT'])('has no session that could be asked for by %s', async (method) => {
    const answer = await fetch(`${server.url}/mcp`, { method })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, expect.stringContaining('POST')])
  })

  test('takes several messages of revision 2025-03-26 at once', async () => {
    const answer = await post(server.url, [LIST, { ...LIST, id: 2, method: 'ping' }])
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('list_pipelines')
    expect(answer.text).toContain('"id":2')
  })
})

describe('S51: a server with Basic', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer({
      strategy: { kind: 'basic', username: 'admin', password: new Secret('s3cret-word') },
    })
  })
  afterAll(() => server.stop())

  test('lets in whoever presents it', async () => {
    const authorization = `Basic ${Buffer.from('admin:s3cret-word').toString('base64')}`
    const host = await connectHost(`${server.url}/mcp`, { headers: { authorization } })
    expect(await host.tools()).toContain('run_pipeline')
    await host.close()
  })

  test.each([
    ['nothing', {}],
    ['a wrong password', { authorization: `Basic ${Buffer.from('admin:wrong').toString('base64')}` }],
    ['a token', { authorization: 'Bearer abc' }],
  ])('refuses %s with a challenge', async (_name, headers) => {
    const answer = await post(server.url, LIST, headers)
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      401,
      'Basic realm="fob", charset="UTF-8"',
    ])
  })
})

describe('a server with logins', () => {
  let company: Company
  const hosts: McpHost[] = []
  /** A host with what the person's login gave. */
  async function hostOf(who: Person, scope: string, headers: Record<string, string> = {}): Promise<McpHost> {
    const { access_token: token } = await logIn(company.server.url, account(who), `openid ${scope}`)
    return hostWith(token, headers)
  }
  async function hostWith(token: string, headers: Record<string, string> = {}): Promise<McpHost> {
    const host = await connectHost(`${company.server.url}/mcp`, { headers: { ...bearer(token), ...headers } })
    hosts.push(host)
    return host
  }
  async function makeToken(wish: Record<string, unknown>): Promise<string> {
    const answer = await company.ask('ada', 'POST', '/api/auth/cli-tokens', { body: { name: 'T', ...wish } })
    return (JSON.parse(answer.text) as { token: string }).token
  }
  const ALL = 'pipelines:read pipelines:write runs:read runs:trigger secrets:read secrets:write'
  const SEEN = ['list_pipelines', 'get_pipeline', 'list_runs', 'get_run', 'get_run_log', 'list_secrets']

  let hiddenRun: string
  beforeAll(async () => {
    company = await openCompany()
    await company.setGroups('ada', { organizations: ['myorg'] })
    const put = (who: Person, name: string, more: object) => {
      const body = { source: SCRIPT(`words of ${name}`), filename: 'p.ts', ...more }
      return company.ask(who, 'PUT', `/api/pipelines/${name}`, { body })
    }
    await put('ada', 'shown', { secrets: { OF_SHOWN: 'some-value' } })
    await put('ada', 'hidden', { rbac: '"myorg" in Organizations', secrets: { OF_HIDDEN: 'some-value' } })
    await put('eve', 'of-acme', {})
    await company.ask('ada', 'PUT', '/api/secrets/GLOBAL', { body: { value: 'some-value' } })
    const started = await company.ask('ada', 'POST', '/api/pipelines/hidden/run', { body: {} })
    hiddenRun = (JSON.parse(started.text) as { run_id: string }).run_id
  })
  afterAll(async () => {
    for (const host of hosts) await host.close()
    await company.stop()
  })

  test('tells whoever has no token where to get one, in the words of RFC 9728', async () => {
    const { url } = company.server
    const answer = await post(url, LIST)
    const metadata = `${url}/.well-known/oauth-protected-resource/mcp`
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe(`Bearer realm="fob", resource_metadata="${metadata}"`)
    const wrong = await post(url, LIST, bearer('ey.no.token'))
    expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"')
    const described = (await (await fetch(metadata)).json()) as Record<string, unknown>
    expect(described).toMatchObject({ resource: `${url}/mcp`, authorization_servers: [url] })
  })

  test('S50: takes the token of a login, and shows what the API shows', async () => {
    const host = await hostOf('ada', ALL)
    expect(await host.tools()).toEqual([
      ...SEEN.slice(0, 2),
      'run_pipeline',
      ...SEEN.slice(2, 5),
      'stop_run',
      'list_secrets',
    ])
    const { data } = await host.call('list_pipelines')
    expect((data.pipelines as { name: string }[]).map(({ name }) => name)).toEqual(['hidden', 'shown'])
    const secrets = (await host.call('list_secrets')).data.secrets as { key: string }[]
    expect(secrets.map(({ key }) => key).toSorted()).toEqual(['GLOBAL', 'OF_HIDDEN', 'OF_SHOWN'])
  })

  test('asks for a new login where a scope is missing, with all that the next token should carry', async () => {
    const { access_token: token } = await logIn(company.server.url, account('ada'), 'openid pipelines:read')
    const answer = await post(company.server.url, CALL('run_pipeline', { name: 'shown' }), bearer(token))
    expect(answer.status).toBe(403)
    const challenge = answer.headers.get('www-authenticate') ?? ''
    expect(challenge).toContain('error="insufficient_scope"')
    expect(challenge).toContain('scope="runs:trigger pipelines:read"')
    expect(challenge).toContain('/.well-known/oauth-protected-resource/mcp"')
    // Several at once cannot be answered with a challenge each: none of them passes.
    const runs = async () => (await company.ask('ada', 'GET', '/api/runs?pipeline=shown')).text
    const before = await runs()
    await post(company.server.url, [CALL('run_pipeline', { name: 'shown' })], bearer(token))
    expect(await runs()).toBe(before)
  })

  test('has no tool for what a role forbids', async () => {
    const viewer = await hostOf('mia', ALL, { 'x-tenant': 'acme' })
    expect(await viewer.tools()).toEqual(SEEN)
    await expect(viewer.call('run_pipeline', { name: 'of-acme' })).rejects.toThrow('disabled')
    expect((await viewer.call('list_pipelines')).data).toMatchObject({ pipelines: [{ name: 'of-acme' }] })
  })

  test('a scoped token has the tools of its scopes, and the pipelines it was made for', async () => {
    const scopes = ['pipelines:read', 'runs:trigger']
    const host = await hostWith(await makeToken({ scopes, pipelines: ['shown'] }))
    expect(await host.tools()).toEqual(['list_pipelines', 'get_pipeline', 'run_pipeline', 'stop_run'])
    expect((await host.call('list_pipelines')).data).toMatchObject({ pipelines: [{ name: 'shown' }] })
    expect((await host.call('get_pipeline', { name: 'hidden' })).text).toBe(
      'not_found: pipeline hidden not found',
    )
    const ran = await host.call('run_pipeline', { name: 'shown' })
    expect(ran.data).toMatchObject({ run: { triggeredBy: 'ada@company.com' } })
    const audit = await company.ask('ada', 'GET', '/api/audit?action=run.start&limit=1')
    expect(JSON.parse(audit.text)).toMatchObject({
      items: [
        { credential: { kind: 'token', id: expect.stringMatching(/^tok_/) }, details: { pipeline: 'shown' } },
      ],
    })
  })

  test('a token for some pipelines learns of no secret that is for all of them', async () => {
    const host = await hostWith(await makeToken({ scopes: ['secrets:read'], pipelines: ['shown'] }))
    const { data } = await host.call('list_secrets')
    expect((data.secrets as { key: string }[]).map(({ key }) => key)).toEqual(['OF_SHOWN'])
  })

  test('S182: a token whose requests have to be signed is refused unsigned, and taken signed', async () => {
    const token = await makeToken({ scopes: ['pipelines:read'], allPipelines: true, requireSignature: true })
    const unsigned = await post(company.server.url, LIST, bearer(token))
    expect([unsigned.status, unsigned.text]).toEqual([401, expect.stringContaining('signature_required')])
    const body = JSON.stringify(LIST)
    const parts = { timestamp: String(Date.now()), nonce: randomUUID(), method: 'POST', path: '/mcp' }
    const signed = await post(company.server.url, body, {
      ...bearer(token),
      'x-cli-timestamp': parts.timestamp,
      'x-cli-nonce': parts.nonce,
      'x-cli-signature': signatureOf({ ...parts, body: new TextEncoder().encode(body) }, token),
    })
    expect([signed.status, signed.text]).toEqual([200, expect.stringContaining('list_pipelines')])
  })

  const behind: [tool: string, args: () => Record<string, unknown>][] = [
    ['get_pipeline', () => ({ name: 'hidden' })],
    ['run_pipeline', () => ({ name: 'hidden' })],
    ['get_run', () => ({ run: hiddenRun })],
    ['get_run_log', () => ({ run: hiddenRun })],
    ['stop_run', () => ({ run: hiddenRun })],
    ['list_secrets', () => ({ pipeline: 'hidden' })],
  ]
  test.each(behind)(
    'S10: %s of what a rule hides is answered as if there were nothing',
    async (tool, args) => {
      for (const who of ['bob', 'eve'] as const) {
        const host = await hostOf(who, ALL)
        const answer = await host.call(tool, args())
        const nothing = Object.fromEntries(
          Object.entries(args()).map(([key, value]) => [
            key,
            key === 'run' ? `run_${'0'.repeat(32)}` : `no${String(value)}`,
          ]),
        )
        expect(answer.isError).toBe(true)
        expect(answer.text).toStartWith('not_found: ')
        // A refusal repeats the name that was asked for.
        const there = (await host.call(tool, nothing)).text.replaceAll('nohidden', 'hidden')
        expect(answer.text).toBe(there)
      }
    },
  )

  test('lists of a stranger to the rule or of another tenant hold none of it', async () => {
    const bob = await hostOf('bob', ALL)
    const eve = await hostOf('eve', ALL)
    for (const [tool, args] of [
      ['list_pipelines', {}],
      ['list_runs', {}],
      ['list_runs', { pipeline: 'hidden' }],
      ['list_secrets', {}],
    ] as const) {
      for (const host of [bob, eve]) {
        const { text, isError } = await host.call(tool, args)
        expect({ text, isError }).toEqual({ text: expect.not.stringMatching(/hidden/i), isError: false })
      }
      expect((await eve.call(tool, args)).text).not.toMatch(/shown|GLOBAL/i)
    }
    expect(await post(company.server.url, LIST, { ...bearer('x'), 'x-tenant': 'default' })).toMatchObject({
      status: 401,
    })
  })

  test('a tenant that is none of the caller\u2019s is refused', async () => {
    const { access_token: token } = await logIn(company.server.url, account('eve'), `openid ${ALL}`)
    const answer = await post(company.server.url, LIST, { ...bearer(token), 'x-tenant': 'default' })
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('unknown_tenant')])
  })
})

test('the rule of the server shuts out of /mcp as well', async () => {
  const company = await openCompany({ rbac: 'Email startsWith "ada"' })
  const ask = (who: Person) =>
    company.ask(who, 'POST', '/mcp', {
      body: LIST,
      headers: { accept: 'application/json, text/event-stream' },
    })
  expect((await ask('ada')).status).toBe(200)
  expect(await ask('bob')).toMatchObject({ status: 403, text: expect.stringContaining('not_admitted') })
  await company.stop()
})

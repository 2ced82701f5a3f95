/** MCP on the binary: with each kind of credential, by a host that logs in by itself, and the conformance suite. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  type OAuthClientInformationFull,
  type OAuthClientProvider,
  type OAuthTokens,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Running, start } from '../../support/client/compiled-binary.ts'
import { ADA, type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { httpBrowser } from '../../support/servers/http-browser.ts'
import { connectHost } from '../../support/servers/mcp-client.ts'
import { logIn } from '../../support/servers/oauth-login.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const CONFORMANCE = resolve(
  import.meta.dir,
  '../../../node_modules/@modelcontextprotocol/conformance/dist/index.js',
)

/** The binary as a server, without logins. */
async function startPlain(
  ...flags: string[]
): Promise<{ url: string; running: Running; stop(): Promise<void> }> {
  const port = freePort()
  const data = join(temporaryFolder(), 'data')
  const running = start(['server', '--listen', `127.0.0.1:${port}`, '--data', data, ...flags])
  await running.saw('"listening"')
  return {
    url: `http://127.0.0.1:${port}`,
    running,
    async stop() {
      running.child.kill('SIGINT')
      await running.ended
    },
  }
}

/** `.vscode/mcp.json` */
interface Settings {
  servers: Record<string, { type: string; url: string; headers?: Record<string, string> }>
  inputs: { type: string; id: string; description: string; password: boolean }[]
}

const settings = (url: string, id: string, authorization: string): Settings => ({
  servers: { ci: { type: 'http', url: `${url}/mcp`, headers: { Authorization: authorization } } },
  inputs: [{ type: 'promptString', id, description: 'CI credential', password: true }],
})

/** As VS Code does: asks for the inputs, fills them in, and connects. */
async function connectAs(settings: Settings, answers: Record<string, string>) {
  const file = join(temporaryFolder(), 'mcp.json')
  writeFileSync(file, JSON.stringify(settings))
  const { servers, inputs } = JSON.parse(readFileSync(file, 'utf8')) as Settings
  expect(inputs.every(({ type, password }) => type === 'promptString' && password)).toBe(true)
  const { ci } = servers
  expect(ci?.type).toBe('http')
  const fill = (text: string) =>
    text.replace(/\$\{input:([\w-]+)\}/g, (_all, id: string) => answers[id] ?? '')
  const headers = Object.entries(ci?.headers ?? {}).map(([name, value]) => [name, fill(value)])
  return connectHost(ci?.url ?? '', { headers: Object.fromEntries(headers) as Record<string, string> })
}

let accounts: BinaryServer
let basic: Awaited<ReturnType<typeof startPlain>>
let open: Awaited<ReturnType<typeof startPlain>>
beforeAll(async () => {
  accounts = await startBinaryServer()
  basic = await startPlain('--basic-auth-username', 'admin', '--basic-auth-password', 's3cret-word')
  open = await startPlain()
})
afterAll(async () => {
  for (const server of [accounts, basic, open]) await server?.stop()
})

describe('S52: what `.vscode/mcp.json` says', () => {
  test('S50: with the token of a login', async () => {
    const server = await startBinaryServer()
    const { access_token: token } = await logIn(server.url, ADA)
    const file = settings(server.url, 'ci-token', 'Bearer ${input:ci-token}')
    const host = await connectAs(file, { 'ci-token': token })
    expect(await host.tools()).toContain('run_pipeline')
    await host.close()
    await expect(connectAs(file, { 'ci-token': 'wrong' })).rejects.toThrow()
    await server.stop()
    expect(server.running.err()).not.toContain(token)
  })

  test('S51: with a user and a password', async () => {
    const file = settings(basic.url, 'ci-basic', 'Basic ${input:ci-basic}')
    const host = await connectAs(file, { 'ci-basic': Buffer.from('admin:s3cret-word').toString('base64') })
    expect(await host.tools()).toContain('run_pipeline')
    await host.close()
  })
})

test('S49: /mcp is guarded as the API is, by each strategy', async () => {
  const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
  const ask = async (url: string, authorization?: string) => {
    const headers = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }
    const auth = authorization === undefined ? {} : { authorization }
    const [mcp, api] = await Promise.all([
      fetch(`${url}/mcp`, { method: 'POST', headers: { ...headers, ...auth }, body: list }),
      fetch(`${url}/api/pipelines`, { headers: auth }),
    ])
    return [mcp.status, api.status]
  }
  const { access_token: token } = await logIn(accounts.url, ADA)
  expect(await ask(accounts.url)).toEqual([401, 401])
  expect(await ask(accounts.url, 'Bearer wrong')).toEqual([401, 401])
  expect(await ask(accounts.url, `Bearer ${token}`)).toEqual([200, 200])

  expect(await ask(basic.url)).toEqual([401, 401])
  expect(await ask(basic.url, `Basic ${btoa('admin:wrong')}`)).toEqual([401, 401])
  expect(await ask(basic.url, `Basic ${btoa('admin:s3cret-word')}`)).toEqual([200, 200])

  expect(await ask(open.url)).toEqual([200, 200])
})

describe('a host that logs in by itself', () => {
  test('S50: finds the server\u2019s metadata, registers, sends its person to the login, and calls a tool', async () => {
    const redirectUrl = 'http://127.0.0.1:33418/'
    let known: OAuthClientInformationFull | undefined
    let tokens: OAuthTokens | undefined
    let verifier = ''
    let sentTo: URL | undefined
    const provider: OAuthClientProvider = {
      redirectUrl,
      clientMetadata: {
        client_name: 'An MCP host',
        redirect_uris: [redirectUrl],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
      state: () => randomBytes(16).toString('hex'),
      clientInformation: () => known,
      saveClientInformation: (information) => void (known = information as OAuthClientInformationFull),
      tokens: () => tokens,
      saveTokens: (given) => void (tokens = given),
      redirectToAuthorization: (url) => void (sentTo = url),
      saveCodeVerifier: (given) => void (verifier = given),
      codeVerifier: () => verifier,
    }
    const url = `${accounts.url}/mcp`
    const first = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider })
    const { Client } = await import('@modelcontextprotocol/client')
    const refused = new Client({ name: 'a-host', version: '1' }).connect(first)
    expect(await refused.catch((error: unknown) => error)).toBeInstanceOf(UnauthorizedError)
    expect(sentTo?.searchParams.get('resource')).toBe(url)

    const browser = httpBrowser({ stopAt: redirectUrl })
    const consent = await browser.submit(await browser.open(sentTo?.href ?? ''), ADA)
    expect(consent.html).toContain('An MCP host')
    const end = await browser.submit(consent, {}, 'Authorize')
    await first.finishAuth(end.url.searchParams)

    const client = new Client({ name: 'a-host', version: '1' })
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: provider }))
    const { structuredContent } = await client.callTool({ name: 'list_pipelines', arguments: {} })
    expect(structuredContent).toEqual({ pipelines: [], next: null })
    await client.close()
  })
})

async function runAll(revision: string): Promise<string> {
  const folder = temporaryFolder()
  const words = ['server', '--url', `${open.url}/mcp`, '--suite', 'all', '--spec-version', revision]
  const child = Bun.spawn([process.execPath, CONFORMANCE, ...words, '-o', folder], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder },
    stdout: 'ignore',
    stderr: 'ignore',
  })
  await child.exited
  return folder
}

describe('@modelcontextprotocol/conformance, on the binary', () => {
  /** By revision, the folder with a folder for each scenario: the suite starts once for all of them. */
  const RESULTS = new Map<string, Promise<string>>()
  const resultsAt = (revision: string) => {
    const results = RESULTS.get(revision) ?? runAll(revision)
    RESULTS.set(revision, results)
    return results
  }
  /**
   * The scenarios that fit any server, at each wire they know. All others call tools, prompts or resources of
   * the suite's own fixture by name. `not` are checks in these that do so too.
   */
  const ROWS: [scenario: string, revision: string, atLeast: number, not: string[]][] = [
    ['server-initialize', '2025-06-18', 2, []],
    ['server-initialize', '2025-11-25', 2, []],
    ['ping', '2025-06-18', 2, []],
    ['ping', '2025-11-25', 2, []],
    ['tools-list', '2025-06-18', 2, []],
    ['tools-list', '2025-11-25', 2, []],
    ['tools-list', '2026-07-28', 2, []],
    ['dns-rebinding-protection', '2025-11-25', 2, []],
    ['dns-rebinding-protection', '2026-07-28', 2, []],
    ['http-header-validation', '2026-07-28', 14, []],
    ['input-required-result-unsupported-methods', '2026-07-28', 2, []],
    [
      'server-stateless',
      '2026-07-28',
      24,
      [
        'sep-2575-server-rejects-undeclared-capability',
        'sep-2575-missing-capability-http-400',
        'sep-2575-http-server-no-independent-requests-on-stream',
        'sep-2575-server-no-log-without-loglevel',
      ],
    ],
    [
      'caching',
      '2026-07-28',
      4,
      // There are no prompts and no resources here.
      [
        'sep-2549-prompts-list-caching-hints',
        'sep-2549-resources-list-caching-hints',
        'sep-2549-resources-templates-list-caching-hints',
      ],
    ],
  ]
  test.each(ROWS)('%s at %s', async (scenario, revision, atLeast, not) => {
    const folder = await resultsAt(revision)
    const ofScenario = readdirSync(folder).filter(
      (name) => /^server-(.+)-\d{4}-/.exec(name)?.[1] === scenario,
    )
    expect(ofScenario).toHaveLength(1)
    const checks = ofScenario.flatMap(
      (name) =>
        JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8')) as {
          id: string
          status: string
        }[],
    )
    const failed = checks.filter(({ status }) => status === 'FAILURE').map(({ id }) => id)
    expect(failed.toSorted()).toEqual(not.toSorted())
    expect(checks.filter(({ status }) => status === 'SUCCESS').length).toBeGreaterThanOrEqual(atLeast)
  })
})

test('a server that stops does not wait for hosts that listen', async () => {
  const server = await startPlain()
  const host = await connectHost(`${server.url}/mcp`)
  const listening = await host.client.listen({ toolsListChanged: true })
  const began = performance.now()
  await server.stop()
  expect(performance.now() - began).toBeLessThan(5000)
  await listening.close().catch(() => {})
  await host.close()
})

/** The login of the proxy: from the first 401 to the request that is sent again, and what the host hears meanwhile. */
import { afterEach, describe, expect, test } from 'bun:test'
import { authorizingFetch } from '../../src/mcp/authorization/authorizing-fetch.ts'
import { guardedLoginFetch } from '../../src/mcp/authorization/guarded-login-fetch.ts'
import { remoteLogin, type RemoteLoginOptions } from '../../src/mcp/authorization/remote-login.ts'
import { duringLogin } from '../../src/mcp/respond-during-login.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { faultOf } from '../support/fault-of.ts'
import { hostOf } from '../support/mcp/proxy-host.ts'
import { protectedServer, type ProtectedOptions } from '../support/mcp/protected-server.ts'
import { freePort } from '../support/free-port.ts'

const open: { end(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const { end } of open.splice(0)) await end()
})

function connect(server: ProtectedOptions = {}, login: Partial<RemoteLoginOptions> = {}) {
  const remote = protectedServer(server)
  const said: string[] = []
  const stop = new AbortController()
  const opened = remoteLogin({
    url: remote.url,
    fetch,
    clock: systemClock,
    signal: stop.signal,
    client: { clientId: undefined, clientSecret: undefined, name: 'my-host' },
    resource: undefined,
    timeoutMs: 20_000,
    freePort,
    openUrl: async (url) => {
      void fetch(url).then((response) => response.text())
      return true
    },
    say: (line) => said.push(line),
    ...login,
  })
  const host = hostOf(remote.url, {
    fetch: authorizingFetch(opened, { fetch, clock: systemClock }),
    duringLogin: duringLogin(opened, { clock: systemClock, url: remote.url, version: '1' }),
  })
  open.push({ end: () => host.interrupt() }, { end: async () => stop.abort() }, { end: () => remote.stop() })
  return { remote, host, said }
}

describe('a login', () => {
  test('S140 to S146 a 401 leads to metadata, registration, browser and token, and the request is sent again', async () => {
    const { remote, host } = connect()
    await host.initialize()
    expect((await host.request('tools/list')).result).toEqual({ tools: [{ name: 'real' }] })
    expect(remote.registered[0]).toMatchObject({ client_name: 'my-host', application_type: 'native' })
    expect(remote.authorized[0]?.get('code_challenge_method')).toBe('S256')
    expect(remote.authorized[0]?.get('resource')).toBe(remote.url)
    expect(remote.granted[0]?.get('resource')).toBe(remote.url)
    expect(remote.registered).toHaveLength(1)
  })

  test('requests that come at once wait for one login', async () => {
    const { remote, host } = connect()
    await host.initialize()
    await Promise.all([1, 2, 3].map((n) => host.request('tools/call', { name: 'real' }, n + 50)))
    expect(remote.authorized).toHaveLength(1)
  })

  test('a token that is refused is refreshed once, without a browser', async () => {
    const { remote, host } = connect()
    await host.initialize()
    await host.request('tools/list')
    remote.revokeAccess()
    await Promise.all([host.request('tools/list'), host.request('tools/list')])
    expect(remote.authorized).toHaveLength(1)
    expect(remote.granted.filter((body) => body.get('grant_type') === 'refresh_token')).toHaveLength(1)
  })

  test('S158 nobody approves in time: the request gets an error that says so, and the next one starts anew', async () => {
    let opened = 0
    const { host } = connect({}, { timeoutMs: 50, openUrl: async () => (opened += 1) > 0 })
    await host.initialize()
    const { error } = await host.request('resources/read', { uri: 'x:y' })
    expect(error?.message).toContain('was not approved in time')
    await host.request('resources/read', { uri: 'x:y' })
    expect(opened).toBeGreaterThan(1)
  })

  test('a server that refuses every token is not asked for ever', async () => {
    const { remote, host } = connect({ refusesAll: true })
    await host.initialize()
    const { error } = await host.request('resources/read', { uri: 'x:y' })
    expect(error?.message).toContain('401')
    expect(remote.authorized.length).toBeLessThan(10)
  })
})

describe('what the host hears during a login', () => {
  test('initialize is answered at once, and a tool says what to do where no browser opened', async () => {
    const { host } = connect({}, { openUrl: async () => false })
    const { result } = await host.initialize('2025-06-18')
    expect(result).toMatchObject({ protocolVersion: '2025-06-18', serverInfo: { name: 'fob mcp-proxy' } })
    const call = await host.request('tools/call', { name: 'log_in' })
    expect(call.result).toMatchObject({ isError: true })
    expect(JSON.stringify(call.result)).toContain('login needed')
    const notice = await host.hears(({ method }) => method === 'notifications/message')
    expect(JSON.stringify(notice.params)).toContain('/authorize?')
  })

  test('lists are announced as changed once the login is there', async () => {
    const { host } = connect()
    await host.initialize()
    await host.hears(({ method }) => method === 'notifications/tools/list_changed')
    expect((await host.request('tools/list')).result).toEqual({ tools: [{ name: 'real' }] })
  })
})

describe('what a server names for its login', () => {
  test.each([
    ['metadata of another server', { resource: 'https://elsewhere.example/mcp' }, 'says that it is'],
    ['another issuer', { issuer: 'https://elsewhere.example' }, 'calls itself'],
    ['no PKCE by S256', { challengeMethods: ['plain'] }, 'does not offer PKCE'],
    ['no registration', { registers: false }, 'does not let programs register'],
    ['a wrong iss in the response', { iss: 'https://elsewhere.example' }, ''],
  ])('%s ends the login, and no token is asked for', async (_what, options, words) => {
    const { remote, host } = connect(options)
    await host.initialize()
    const { error } = await host.request('resources/read', { uri: 'x:y' })
    expect(error?.message).toContain(words)
    expect(remote.granted).toEqual([])
  })

  test.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[fc00::1]',
    '[fe80::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[2002:7f00:1::]',
    '224.0.0.1',
    '2130706433',
    '0x7f.1',
    '017700000001',
    'localhost',
    'rebind.example',
  ])('S151 %s is refused before anything is sent there', async (name) => {
    const send = guardedLoginFetch('https://mcp.example.com/mcp', {
      userAgent: 'fob',
      resolve: async () => ['93.184.216.34', '127.0.0.1'],
    })
    expect(await faultOf(send(`https://${name}/`))).toMatchObject({ code: 'forbidden' })
  })
})

/** Logins to oidc-provider and other OAuth servers, with and without metadata, and by the device flow. */
import { afterEach, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { notingBrowser } from '../../support/client/binary-login.ts'
import { type Ended, fob, start } from '../../support/client/compiled-binary.ts'
import { httpBrowser } from '../../support/servers/http-browser.ts'
import {
  BARE_LOGIN,
  type OtherServer,
  startBareProvider,
  startMockServer,
} from '../../support/servers/other-oauth-servers.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const servers: OtherServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})
async function kept(starting: Promise<OtherServer>): Promise<OtherServer> {
  const server = await starting
  servers.push(server)
  return server
}

/** Runs a login of the binary whose browser does what `visit` does. */
async function login(
  server: OtherServer,
  home: string,
  flags: readonly string[],
  visit: (url: string) => Promise<unknown>,
): Promise<Ended> {
  const browser = notingBrowser()
  const running = start(['auth', 'login', '-s', server.url, '--insecure-storage', ...flags], {
    home,
    env: { BROWSER: browser.command },
  })
  await visit(await browser.opened())
  return running.ended
}

/** A person at the pages of a bare oidc-provider. */
async function approve(url: string): Promise<void> {
  const browser = httpBrowser()
  const consent = await browser.submit(await browser.open(url), BARE_LOGIN)
  await browser.submit(consent, {})
}

const stored = (home: string) => readFileSync(join(home, '.fob', 'credentials'), 'utf8')

describe('servers that are not ours', () => {
  test('S195, S211: oidc-provider by its metadata: login, who it is, a renewal, a check, and logout', async () => {
    const server = await kept(startBareProvider({ discovery: true }))
    const home = temporaryFolder()
    const { code, err } = await login(server, home, ['--client-id', 'other-client'], approve)
    expect([code, err.includes('as Ada Lovelace ada@other.example')]).toEqual([0, true])
    expect((await fob(['whoami'], { home })).out).toContain('Ada Lovelace')
    const token = await fob(['auth', 'token'], { home })
    expect(token.out.length).toBeGreaterThan(20)
    expect((await fob(['auth', 'refresh'], { home })).code).toBe(0)
    expect((await fob(['auth', 'token'], { home })).out).not.toBe(token.out)
    const status = await fob(['auth', 'status', '--check', '-o', 'json'], { home })
    expect([status.code, JSON.parse(status.out)[0].check]).toEqual([0, 'accepted'])
    expect((await fob(['auth', 'logout'], { home })).code).toBe(0)
    expect(server.requests).toContain('POST /op/tok')
  })

  test('S195, S205, S208: oidc-provider without any metadata, by the conventional paths', async () => {
    const server = await kept(startBareProvider({ discovery: false }))
    const home = temporaryFolder()
    const flags = ['--client-id', 'other-client', '--scope', 'openid email', '--scope', 'profile']
    const { code, err } = await login(server, home, flags, approve)
    expect([code, err.includes('as Ada Lovelace ada@other.example')]).toEqual([0, true])
    expect(server.requests).toContain('GET /oauth/authorize')
    expect(server.requests).toContain('POST /oauth/token')
    expect(stored(home)).toContain('"name": "Ada Lovelace"')
  })

  test('R7: the device flow of oidc-provider', async () => {
    const server = await kept(startBareProvider({ discovery: true, deviceFlow: true }))
    const home = temporaryFolder()
    const { code, err } = await login(
      server,
      home,
      ['--device', '--client-id', 'other-client'],
      async (url) => {
        const browser = httpBrowser()
        const signIn = await browser.submit(await browser.open(url), { confirm: 'yes' })
        await browser.submit(await browser.submit(signIn, BARE_LOGIN), {})
      },
    )
    expect([code, err.includes('as Ada Lovelace')]).toEqual([0, true])
  })

  test('oidc-provider that requires pushed requests and key-bound tokens with nonces, and whose UserInfo is a JWT', async () => {
    const server = await kept(startBareProvider({ discovery: true, strict: true }))
    const home = temporaryFolder()
    const { code, err } = await login(server, home, ['--client-id', 'other-client'], approve)
    expect([code, err.includes('as Ada Lovelace ada@other.example')]).toEqual([0, true])
    const { token, dpopKey } = JSON.parse(stored(home)).servers[server.url]
    expect(JSON.parse(dpopKey)).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256' })
    const printed = await fob(['auth', 'token'], { home })
    expect([printed.out, printed.err.includes('(DPoP)')]).toEqual([`${token}\n`, true])
    expect((await fob(['auth', 'refresh'], { home })).code).toBe(0)
    const status = await fob(['auth', 'status', '--check', '-o', 'json'], { home })
    expect([status.code, JSON.parse(status.out)[0].check]).toEqual([0, 'accepted'])
    expect((await fob(['auth', 'logout'], { home })).code).toBe(0)
  })

  test.each([
    ['metadata', { discovery: true, userinfo: true }, 'John Doe john@mock.example'],
    ['no metadata', { discovery: false, userinfo: true }, 'John Doe john@mock.example'],
    ['no metadata, no userinfo', { discovery: false, userinfo: false }, 'John of the ID token'],
    ['metadata, no userinfo', { discovery: true, userinfo: false }, 'John of the ID token'],
  ])('S195, S209: oauth2-mock-server with %s', async (_, options, name) => {
    const server = await kept(startMockServer(options))
    const home = temporaryFolder()
    const { code, err } = await login(server, home, [], (url) => fetch(url))
    expect([code, err.includes(`Logged in to ${server.url} as ${name}\n`)]).toEqual([0, true])
    expect((await fob(['auth', 'token'], { home })).out.split('.')).toHaveLength(3)
    expect((await fob(['auth', 'refresh'], { home })).code).toBe(0)
  })

  test('S246: a client ID that the server does not know: its page says so, and the terminal what to do', async () => {
    const server = await kept(startBareProvider({ discovery: true }))
    const home = temporaryFolder()
    let page = ''
    const { code, err } = await login(server, home, ['--timeout', '2s'], async (url) => {
      page = await (await fetch(url)).text()
    })
    expect([code, page]).toEqual([4, 'invalid_client'])
    expect(err).toContain('name one with --client-id')
  })
})

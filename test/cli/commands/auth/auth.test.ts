import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommandLine } from '../../../../src/cli/root.ts'
import { type Clock, systemClock } from '../../../../src/platform/clock.ts'
import { scriptedBrowser } from '../../../support/browser.ts'
import { fakeDeps } from '../../../support/fake-deps.ts'
import { type Behaviour, startOAuthServer, type TestOAuthServer } from '../../../support/oauth-server.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const servers: TestOAuthServer[] = []
function start(changes: Partial<Behaviour> = {}): TestOAuthServer {
  const server = startOAuthServer(changes)
  servers.push(server)
  return server
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

/** A person's machine: one home, one credentials file (never the real keychain), a browser that approves. */
function machine(env: Record<string, string> = {}) {
  const home = join(temporaryFolder(), '.fob')
  const file = join(home, 'credentials')
  const browser = scriptedBrowser()
  const common = {
    PATH: process.env.PATH ?? '',
    FOB_AUTH_CONFIG: file,
    BROWSER: browser.command,
  }
  /** Time of this machine, moved on at will. */
  let ahead = 0
  const run = async (
    argv: string[],
    options: { stdin?: string; env?: Record<string, string>; sleep?: Clock['sleep'] } = {},
  ) => {
    const deps = fakeDeps({ home, ...options, env: { ...common, ...env, ...options.env } })
    deps.clock = {
      sleep: options.sleep ?? ((ms, signal) => systemClock.sleep(ms, signal)),
      now: () => Date.now() + ahead,
    }
    const code = await runCommandLine(argv, deps)
    return { code, out: deps.io.out(), err: deps.io.err() }
  }
  return { run, home, file, browser, advance: (ms: number) => (ahead += ms) }
}

describe('fob auth login', () => {
  test('S195, S209, S210: the browser flow with no flags but the server, and who is logged in', async () => {
    const server = start()
    const { run, file, browser } = machine()
    const { code, out, err } = await run(['auth', 'login', '-s', server.url])
    expect({ code, out }).toEqual({ code: 0, out: '' })
    expect(err).toContain(`${server.url}/oauth/authorize?`)
    expect(err).toContain(`Logged in to ${server.url} as Ada Lovelace ada@example.com\n`)
    expect(err).toContain(`The credential rests in ${file}, readable only by you`)
    expect(err).not.toContain('canary')
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
    while (!existsSync(browser.report)) await Bun.sleep(5)
    expect(readFileSync(browser.report, 'utf8')).toContain('✓ Logged in — return to your terminal')
    expect(server.seen.authorize[0]?.get('redirect_uri')).toMatch(
      /^http:\/\/127\.0\.0\.1:876[5-9]\/callback$/,
    )
  })

  test.each([
    ['S211: --client-id first', ['--client-id', 'flag'], { FOB_CLIENT_ID: 'variable' }, 'flag'],
    ['S211: then FOB_CLIENT_ID', [], { FOB_CLIENT_ID: 'variable' }, 'variable'],
    ['S211, S212: then the one that was built in', [], {}, 'fob-cli'],
  ])('%s', async (_, flags, env, clientId) => {
    const server = start({ clientId })
    const { code } = await machine(env).run(['auth', 'login', '-s', server.url, ...flags])
    expect([code, server.seen.authorize[0]?.get('client_id')]).toEqual([0, clientId])
    expect(server.seen.token[0]?.has('client_secret')).toBe(false)
  })

  test('S197, S225: --tenant is sent with the profile call and saved', async () => {
    const server = start()
    const { run, file } = machine()
    await run(['auth', 'login', '-s', server.url, '--tenant', 'acme', '--scope', 'runs:read'])
    expect(server.headers.at(-1)?.get('x-tenant')).toBe('acme')
    expect(server.seen.authorize[0]?.get('scope')).toBe('runs:read')
    expect(JSON.parse(readFileSync(file, 'utf8')).servers[server.url].tenant).toBe('acme')
  })

  test('a denied consent exits 4 and saves nothing', async () => {
    const server = start({ consent: 'deny' })
    const { run, file } = machine()
    const { code, err } = await run(['auth', 'login', '-s', server.url])
    expect([code, err.includes('fob: the login was denied')]).toEqual([4, true])
    expect(existsSync(file)).toBe(false)
  })

  test('a token that the profile call refuses saves nothing, and the page does not say "logged in"', async () => {
    const server = start()
    const { run, file, browser } = machine()
    server.valid.add = () => server.valid
    const { code } = await run(['auth', 'login', '-s', server.url])
    expect([code, existsSync(file)]).toEqual([4, false])
    while (!existsSync(browser.report)) await Bun.sleep(5)
    expect(readFileSync(browser.report, 'utf8')).not.toContain('✓')
  })

  test('nobody approves: exit 4 after --timeout', async () => {
    const server = start()
    const asked: number[] = []
    const { code, err } = await machine({ BROWSER: 'true' }).run(
      ['auth', 'login', '-s', server.url, '--timeout', '90s'],
      { sleep: async (ms) => void asked.push(ms) },
    )
    expect([code, asked, err.includes('not approved in time')]).toEqual([4, [90_000], true])
  })

  test.each(['0s', '5', '25h', 'x', '-1s', '1.5m'])('--timeout=%s is wrong usage', async (time) => {
    expect((await machine().run(['auth', 'login', `--timeout=${time}`])).code).toBe(2)
  })

  test('an open server needs no login, and says so', async () => {
    const server = start({ strategy: 'open' })
    const { run, file } = machine()
    const { code, err } = await run(['auth', 'login', '-s', server.url])
    expect([code, err, existsSync(file)]).toEqual([
      0,
      `${server.url} is open to everyone: no login is needed\n`,
      false,
    ])
  })

  test('a server with Basic authentication is told from one to log in to', async () => {
    const server = start({ strategy: 'basic' })
    const { code, err } = await machine().run(['auth', 'login', '-s', server.url])
    expect([code, err.includes('USER:PASSWORD@')]).toEqual([2, true])
  })

  test('a server that is down exits 7', async () => {
    const server = start()
    await server.stop()
    expect((await machine().run(['auth', 'login', '-s', server.url])).code).toBe(7)
  })

  test('a login that a variable outweighs is worth a word', async () => {
    const server = start()
    const { err } = await machine({ CI_AUTH_TOKEN: 'x' }).run(['auth', 'login', '-s', server.url])
    expect(err).toContain('note: CI_AUTH_TOKEN is set')
  })

  test('S222, S224: --token-stdin checks the token, stores it, and shows nothing of it', async () => {
    const server = start()
    server.valid.add('canary-pat')
    const { run, file } = machine()
    const { code, out, err } = await run(['auth', 'login', '--token-stdin', '-s', server.url], {
      stdin: 'canary-pat\n',
    })
    expect([code, out]).toEqual([0, ''])
    expect(err).toContain('as Ada Lovelace')
    expect(err).not.toContain('canary')
    expect(JSON.parse(readFileSync(file, 'utf8')).servers[server.url]).toMatchObject({
      token: 'canary-pat',
      kind: 'token',
    })
    expect(server.requests).not.toContain('GET /oauth/authorize')
  })

  test.each([
    ['S224: a bad one', 'canary-bad', 4],
    ['an empty one', '\n', 2],
    ['several lines', 'canary\ncanary', 2],
    ['one over 64 KiB', 'canary'.repeat(12_000), 2],
  ])('--token-stdin with %s saves nothing', async (_, stdin, expected) => {
    const server = start()
    const { run, file } = machine()
    const { code, err } = await run(['auth', 'login', '--token-stdin', '-s', server.url], { stdin })
    expect([code, existsSync(file), err.includes('canary')]).toEqual([expected, false, false])
  })
})

/** A machine that has just logged in to a server of its own. */
async function loggedIn(changes: Partial<Behaviour> = {}) {
  const server = start(changes)
  const here = machine()
  expect((await here.run(['auth', 'login', '-s', server.url])).code).toBe(0)
  server.requests.length = 0
  return { server, ...here, entry: () => JSON.parse(readFileSync(here.file, 'utf8')).servers[server.url] }
}

describe('after a login', () => {
  test('auth token prints the token alone and sends nothing', async () => {
    const { run, server, entry } = await loggedIn()
    expect(await run(['auth', 'token'])).toEqual({ code: 0, out: `${entry().token}\n`, err: '' })
    expect(server.requests).toEqual([])
  })

  test('R11, S245: within 30 seconds of the end it is renewed first, and both tokens are saved', async () => {
    const { run, server, entry, advance } = await loggedIn()
    const before = entry()
    advance(3_571_000)
    const { code, out } = await run(['auth', 'token'])
    expect([code, server.requests]).toEqual([0, ['POST /oauth/token']])
    expect(out).toBe(`${entry().token}\n`)
    expect(entry().token).not.toBe(before.token)
    expect(entry().refreshToken).not.toBe(before.refreshToken)
    expect(entry()).toMatchObject({ user: before.user, storage: 'file', oauth: before.oauth })
  })

  test('S242, R11: past its end and refused, it exits 4 with the words of the documents; the name stays', async () => {
    const { run, server, entry, advance } = await loggedIn()
    await server.stop()
    advance(4_000_000)
    expect((await run(['auth', 'token'])).code).toBe(7)
    const other = start()
    const document = JSON.parse(JSON.stringify(entry()).replaceAll(server.url, other.url))
    const again = machine()
    mkdirSync(again.home)
    writeFileSync(again.file, JSON.stringify({ servers: { [other.url]: document } }))
    again.advance(4_000_000)
    const { code, err } = await again.run(['auth', 'token'])
    expect([code, err]).toEqual([4, 'fob: credentials expired — run fob auth login\n'])
    expect((await again.run(['whoami'])).out).toContain('Ada Lovelace')
  })

  test('S240, S241: whoami works offline, and warns within 30 seconds of the end', async () => {
    const { run, server, advance } = await loggedIn()
    await server.stop()
    const early = await run(['whoami', '-o', 'json'])
    expect(JSON.parse(early.out)).toMatchObject({ id: 'u1', name: 'Ada Lovelace', email: 'ada@example.com' })
    expect(early.err).toBe('')
    advance(3_580_000)
    const late = await run(['whoami'])
    expect([late.code, /warning: the token expires in (19|20) s/.test(late.err)]).toEqual([0, true])
  })

  test('auth status lists every login with its state and place, and no secret', async () => {
    const { run, server } = await loggedIn()
    const other = start({ expiresIn: undefined })
    await run(['auth', 'login', '-s', other.url])
    const { code, out } = await run(['auth', 'status', '-s', server.url, '-o', 'json'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject([
      { id: server.url, current: true, state: 'valid', storage: 'file', renewable: true, kind: 'oauth' },
      { id: other.url, current: false, expiresAt: null },
    ])
    expect(out).not.toContain('canary')
    expect((await run(['auth', 'status', '-s', server.url])).out).toContain(`*\t${server.url}\tAda Lovelace`)
  })

  test('auth status exits 4 when the current login is missing or has expired, after the list', async () => {
    const { run, server, file, entry, advance } = await loggedIn()
    const missing = await run(['auth', 'status', '-s', 'http://localhost:1'])
    expect([missing.code, missing.out.includes(server.url)]).toEqual([4, true])
    writeFileSync(
      file,
      JSON.stringify({ servers: { [server.url]: { ...entry(), refreshToken: undefined } } }),
    )
    advance(4_000_000)
    const expired = await run(['auth', 'status'])
    expect([expired.code, expired.out.includes('expired')]).toEqual([4, true])
  })

  test('auth status --check asks the server too', async () => {
    const { run, server } = await loggedIn()
    const fine = await run(['auth', 'status', '--check', '-o', 'json'])
    expect([fine.code, JSON.parse(fine.out)[0].check]).toEqual([0, 'accepted'])
    server.valid.clear()
    const revoked = await run(['auth', 'status', '--check', '-o', 'json'])
    expect([revoked.code, JSON.parse(revoked.out)[0].check]).toEqual([4, 'rejected'])
    await server.stop()
    const down = await run(['auth', 'status', '--check', '-o', 'json'])
    expect([down.code, JSON.parse(down.out)[0].check]).toEqual([0, 'unreachable'])
  })

  test('auth refresh renews now', async () => {
    const { run, server, entry } = await loggedIn()
    const before = entry().token
    expect((await run(['auth', 'refresh'])).code).toBe(0)
    expect([entry().token === before, server.requests]).toEqual([false, ['POST /oauth/token']])
  })

  test('R12: auth logout revokes both tokens and deletes them, S236: settings stay', async () => {
    const { run, server, entry, home, file } = await loggedIn()
    const { token, refreshToken } = entry()
    writeFileSync(join(home, 'config.toml'), 'tenant = "acme"\n')
    const { code, err } = await run(['auth', 'logout'])
    expect([code, err]).toEqual([0, `Logged out of ${server.url}\n`])
    expect(server.seen.revoke.map((form) => form.get('token'))).toEqual([refreshToken, token])
    expect(JSON.parse(readFileSync(file, 'utf8')).servers).toEqual({})
    expect(existsSync(join(home, 'config.toml'))).toBe(true)
  })

  test.each([503, 0])(
    'R12: a revocation that fails (%d) is said, and the login is deleted all the same',
    async (s) => {
      const { run, server, file } = await loggedIn()
      if (s === 0) await server.stop()
      server.behaviour.revokeStatus = s
      const { code, err } = await run(['auth', 'logout'])
      expect([code, err.includes('warning: the server may still accept the token')]).toEqual([0, true])
      expect(err).not.toContain('canary')
      expect(JSON.parse(readFileSync(file, 'utf8')).servers).toEqual({})
    },
  )

  test('S233, S234: logout forgets one server, --all every one; S114: twice is no error', async () => {
    const { run, server, file } = await loggedIn()
    const other = start()
    await run(['auth', 'login', '-s', other.url])
    await run(['auth', 'logout', '--api-url', `${other.url}/api/v1`])
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')).servers)).toEqual([server.url])
    await run(['auth', 'login', '-s', other.url])
    expect((await run(['auth', 'logout', '--all'])).code).toBe(0)
    expect(JSON.parse(readFileSync(file, 'utf8')).servers).toEqual({})
    expect((await run(['auth', 'logout'])).code).toBe(0)
  })

  test('without a login, token and whoami exit 4 and name the command', async () => {
    const { run } = machine()
    for (const words of [['auth', 'token'], ['whoami'], ['auth', 'refresh']]) {
      const { code, out, err } = await run(words)
      expect([code, out]).toEqual([4, ''])
      expect(err).toContain('hint: run fob auth login -s http://localhost:8080')
    }
  })

  test('whoami asks the server about a token that was given for this call', async () => {
    const { run, server } = await loggedIn()
    server.valid.add('canary-env')
    const { code, out } = await run(['whoami', '-o', 'json'], { env: { FOB_TOKEN: 'canary-env' } })
    expect([code, JSON.parse(out).name, server.requests]).toEqual([
      0,
      'Ada Lovelace',
      ['GET /api/v1/profile'],
    ])
    expect(out).not.toContain('canary')
  })

  test('S223: a token from a variable is printed and never stored', async () => {
    const { run, file } = machine()
    expect((await run(['auth', 'token'], { env: { FOB_TOKEN: 'one-off' } })).out).toBe('one-off\n')
    expect(existsSync(file)).toBe(false)
  })
})

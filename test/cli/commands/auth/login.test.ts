/** `fob auth login`: the browser flow, denials and time-outs, and servers without OAuth or that are unreachable. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { chooseMethod } from '../../../../src/cli/login/choose-login-method.ts'
import { runCommandLine } from '../../../../src/cli/run-command-line.ts'
import { fakeDeps } from '../../../support/client/fake-deps.ts'
import { machine } from '../../../support/client/client-machine.ts'
import { type Behaviour, startOAuthServer } from '../../../support/servers/oauth-server.ts'

describe('fob auth login', () => {
  test('S195, S209, S210: the browser flow with no flags but the server, and who is logged in', async () => {
    await using server = startOAuthServer()
    const { run, file, browser } = machine()
    const { code, out, err } = await run(['auth', 'login', '-s', server.url])
    expect({ code, out }).toEqual({ code: 0, out: '' })
    expect(err).toContain(`${server.url}/oauth/authorize?`)
    expect(err).toContain(`Logged in to ${server.url} as Ada Lovelace ada@example.com\n`)
    expect(err).toContain(`The credential is stored in ${file}, readable only by you`)
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
    await using server = startOAuthServer({ clientId })
    const { code } = await machine(env).run(['auth', 'login', '-s', server.url, ...flags])
    expect([code, server.seen.authorize[0]?.get('client_id')]).toEqual([0, clientId])
    expect(server.seen.token[0]?.has('client_secret')).toBe(false)
  })

  test('S197, S225: --tenant is sent with the profile call and saved', async () => {
    await using server = startOAuthServer()
    const { run, file } = machine()
    await run(['auth', 'login', '-s', server.url, '--tenant', 'acme', '--scope', 'runs:read'])
    expect(server.headers.at(-1)?.get('x-tenant')).toBe('acme')
    expect(server.seen.authorize[0]?.get('scope')).toBe('runs:read')
    expect(JSON.parse(readFileSync(file, 'utf8')).servers[server.url].tenant).toBe('acme')
  })

  test('a denied consent exits 4 and saves nothing', async () => {
    await using server = startOAuthServer({ consent: 'deny' })
    const { run, file } = machine()
    const { code, err } = await run(['auth', 'login', '-s', server.url])
    expect([code, err.includes('fob: the login was denied')]).toEqual([4, true])
    expect(existsSync(file)).toBe(false)
  })

  test('a token that the profile call refuses saves nothing, and the page does not say "logged in"', async () => {
    await using server = startOAuthServer()
    const { run, file, browser } = machine()
    server.valid.add = () => server.valid
    const { code } = await run(['auth', 'login', '-s', server.url])
    expect([code, existsSync(file)]).toEqual([4, false])
    while (!existsSync(browser.report)) await Bun.sleep(5)
    expect(readFileSync(browser.report, 'utf8')).not.toContain('✓')
  })

  test('nobody approves: exit 4 after --timeout', async () => {
    await using server = startOAuthServer()
    const asked: number[] = []
    const { code, err } = await machine({ BROWSER: 'true' }).run(
      ['auth', 'login', '-s', server.url, '--timeout', '90s'],
      { sleep: async (ms) => void asked.push(ms) },
    )
    // The first wait is for the hint that a browser may show an error (S246).
    expect([code, asked, err.includes('not approved in time')]).toEqual([4, [90_000, 20_000], true])
  })

  test.each(['0s', '5', '25h', 'x', '-1s', '1.5m'])('--timeout=%s is wrong usage', async (time) => {
    expect((await machine().run(['auth', 'login', `--timeout=${time}`])).code).toBe(2)
  })

  test('an open server needs no login, and says so', async () => {
    await using server = startOAuthServer({ strategy: 'open' })
    const { run, file } = machine()
    const { code, err } = await run(['auth', 'login', '-s', server.url])
    expect([code, err, existsSync(file)]).toEqual([
      0,
      `${server.url} is open to everyone: no login is needed\n`,
      false,
    ])
  })

  test('a server with Basic authentication says how to log in to it', async () => {
    await using server = startOAuthServer({ strategy: 'basic' })
    const { code, err } = await machine().run(['auth', 'login', '-s', server.url])
    expect([code, err.includes('USER@127.0.0.1')]).toEqual([2, true])
  })

  test('a server that is down exits 7', async () => {
    await using server = startOAuthServer()
    await server.stop()
    expect((await machine().run(['auth', 'login', '-s', server.url])).code).toBe(7)
  })

  test('a login that a variable outweighs is worth a word', async () => {
    await using server = startOAuthServer()
    const { err } = await machine({ CI_AUTH_TOKEN: 'x' }).run(['auth', 'login', '-s', server.url])
    expect(err).toContain('note: CI_AUTH_TOKEN is set')
  })
})

/** A machine with a login, and what is stored of it. */
async function loggedIn(changes: Partial<Behaviour> = {}) {
  const server = startOAuthServer(changes)
  const here = machine()
  expect((await here.run(['auth', 'login', '-s', server.url])).code).toBe(0)
  const entry = () => JSON.parse(readFileSync(here.file, 'utf8')).servers[server.url]
  return {
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    ...here,
    server,
    entry,
    again: () => here.run(['auth', 'login', '-s', server.url]),
  }
}

describe('a login that takes the place of another', () => {
  test('R12: the older one is revoked, once the new one is stored', async () => {
    await using world = await loggedIn()
    const { server, entry, again } = world
    const { token, refreshToken } = entry()
    const { code, err } = await again()
    expect([code, err.includes('\nThe login before it is revoked\n')]).toEqual([0, true])
    expect(server.seen.revoke.map((form) => form.get('token'))).toEqual([refreshToken, token])
    expect([...server.valid]).toEqual([entry().token])
  })

  test('R12: where it cannot be revoked, the new one stands all the same, with a warning', async () => {
    await using world = await loggedIn()
    const { server, again } = world
    server.behaviour.revokeStatus = 503
    const { code, err } = await again()
    expect([code, err]).toEqual([
      0,
      expect.stringContaining('warning: the server may still accept the login before it, '),
    ])
    expect(err).not.toContain('canary')
  })

  test('at a server that is not ours, where both can be one session, it is left alone', async () => {
    await using world = await loggedIn({ strategy: 'unknown' })
    const { server, again } = world
    const { code, err } = await again()
    expect([code, server.seen.revoke, err.includes('login before')]).toEqual([0, [], false])
  })

  test('the same token once more ends nothing', async () => {
    await using world = await loggedIn()
    const { run, server, entry } = world
    const { token } = entry()
    const { err } = await run(['auth', 'login', '--token-stdin', '-s', server.url], { stdin: token })
    expect([server.seen.revoke, err.includes('login before')]).toEqual([[], false])
  })

  test('S244: a token that was handed to us, which others can have too, is for its owner to revoke', async () => {
    await using server = startOAuthServer()
    const { run } = machine()
    const said: string[] = []
    for (const token of ['canary-one', 'canary-two']) {
      server.valid.add(token)
      said.push((await run(['auth', 'login', '--token-stdin', '-s', server.url], { stdin: token })).err)
    }
    expect(said.join('')).not.toContain('warning')
    expect(server.valid.size).toBe(2)
  })
})

/** A token with these claims; nobody checks its signature before the server does. */
const jwt = (claims: Record<string, unknown>) =>
  `${encode({ alg: 'HS256' })}.${encode(claims)}.canary-signature`
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const inDays = (days: number) => Math.floor(Date.now() / 1000 + days * 24 * 3600)

/** A server that accepts `token`, a machine, and what its credentials file holds of that server. */
function withToken(token: string, changes: Partial<Behaviour> = {}) {
  const server = startOAuthServer(changes)
  server.valid.add(token)
  const here = machine()
  return {
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    server,
    ...here,
    entry: () => JSON.parse(readFileSync(here.file, 'utf8')).servers[server.url],
  }
}

describe('a token that somebody has already', () => {
  test('S222, S224: --token-stdin checks the token, stores it, and shows nothing of it', async () => {
    await using world = withToken('canary-pat')
    const { run, server, entry } = world
    const { code, out, err } = await run(['auth', 'login', '--token-stdin', '-s', server.url], {
      stdin: 'canary-pat\n',
    })
    expect([code, out]).toEqual([0, ''])
    expect(err).toContain('as Ada Lovelace')
    expect(err).not.toMatch(/canary|warning/)
    expect(entry()).toMatchObject({ token: 'canary-pat', kind: 'token' })
    expect(server.requests).not.toContain('GET /oauth/authorize')
  })

  test.each([
    ['no line end', 'canary-pat'],
    ['one line end', 'canary-pat\n'],
    ['one of Windows', 'canary-pat\r\n'],
    ['blanks around it', ' canary-pat \t\n'],
    ['blanks behind its line end', 'canary-pat\n  '],
    ['a byte order mark before it, as PowerShell sends it', '\uFEFFcanary-pat\r\n'],
  ])('S222: --token-stdin takes a token with %s', async (_, stdin) => {
    await using world = withToken('canary-pat')
    const { run, server, entry } = world
    expect((await run(['auth', 'login', '--token-stdin', '-s', server.url], { stdin })).code).toBe(0)
    expect(entry().token).toBe('canary-pat')
  })

  test('S222: a token of 64 KiB is still one: whether it is too long is for the server to say', async () => {
    await using world = withToken('canary-pat')
    const { run, server, file } = world
    const stdin = `${'c'.repeat(64 * 1024)}\n`
    const { code, err } = await run(['auth', 'login', '--token-stdin', '-s', server.url], { stdin })
    expect([code, err, existsSync(file)]).toEqual([1, `fob: ${server.url} responded with 431\n`, false])
  })

  test.each([
    ['nothing', ''],
    ['a line end alone', '\n'],
    ['several lines', 'canary\ncanary'],
    ['two line ends', 'canary-pat\n\n'],
    ['a lone carriage return inside', 'canary\rcanary'],
    ['a blank inside', 'canary pat'],
    ['quotes around it', '"canary-pat"\n'],
    ['a quote at one end', "'canary-pat"],
    ['one byte more than 64 KiB', 'c'.repeat(64 * 1024 + 1)],
    ['far more than 64 KiB', 'canary'.repeat(120_000)],
    ['letters that no header can carry', 'canäry'],
    ['control characters', 'canary\u0000'],
  ])('S222: --token-stdin with %s is exit 2, and nothing is sent or saved', async (_, stdin) => {
    await using world = withToken('canary-pat')
    const { run, server, file } = world
    const { code, err } = await run(['auth', 'login', '--token-stdin', '-s', server.url], { stdin })
    expect([code, existsSync(file), server.requests]).toEqual([2, false, []])
    expect(err).not.toMatch(/can.ry/)
  })

  test.each([
    ['with a byte order mark', '\uFEFFcanary-pat\r\n'],
    ['without one', 'canary-pat\r\n'],
  ])('S222: a token in UTF-16 %s is called that, and how to send UTF-8 is said', async (_, text) => {
    await using world = withToken('canary-pat')
    const { run, server } = world
    const args = ['auth', 'login', '--token-stdin', '-s', server.url]
    const { code, err } = await run(args, { stdin: Buffer.from(text, 'utf16le') })
    expect([code, server.requests]).toEqual([2, []])
    expect(err).toContain('is UTF-16 text, not UTF-8\nhint: in PowerShell')
  })

  test('S222: --token-stdin at a terminal is exit 2 and says what to do', async () => {
    const deps = fakeDeps({ terminal: true })
    expect(await runCommandLine(['auth', 'login', '--token-stdin', '-s', 'http://127.0.0.1:1'], deps)).toBe(2)
    expect(deps.io.err()).toContain('hint: printenv TOKEN | fob auth login --token-stdin')
  })

  test('S221, S224: --with-token checks and stores it, and warns of the shell history', async () => {
    await using world = withToken('canary-pat')
    const { run, server, entry } = world
    const { code, err } = await run(['auth', 'login', '--with-token', 'canary-pat', '-s', server.url])
    expect([code, entry().kind]).toEqual([0, 'token'])
    expect(err).toContain("warning: a token after --with-token stays in the shell's history")
    expect(err).toContain('--token-stdin')
    expect(err).not.toContain('canary')
  })

  test.each([
    ['--with-token', ['--with-token', 'canary-bad'], undefined],
    ['--token-stdin', ['--token-stdin'], 'canary-bad'],
    ['--jwt-token', ['--jwt-token', jwt({ exp: inDays(30) })], undefined],
  ])('S224: a bad token by %s exits 4 and changes nothing of what was stored', async (_, flags, stdin) => {
    await using world = withToken('canary-pat')
    const { run, server, file } = world
    await run(['auth', 'login', '--token-stdin', '-s', server.url], { stdin: 'canary-pat' })
    const before = readFileSync(file, 'utf8')
    const { code, err } = await run(
      ['auth', 'login', '-s', server.url, ...flags],
      stdin === undefined ? {} : { stdin },
    )
    expect([code, readFileSync(file, 'utf8')]).toEqual([4, before])
    expect(err).toContain('does not accept this credential')
    expect(err).not.toContain('canary')
  })

  test('--jwt-token stores it with its end', async () => {
    const token = jwt({ exp: inDays(30), sub: 'ada' })
    await using world = withToken(token)
    const { run, server, entry } = world
    const { code, err } = await run(['auth', 'login', '--jwt-token', token, '-s', server.url])
    expect([code, entry().token, Date.parse(entry().expiresAt) / 1000]).toEqual([0, token, inDays(30)])
    expect(err).not.toContain('this token ends')
    expect(err).not.toContain('canary')
  })

  test.each([
    ['two parts', 'canary.canary', 'is not a JWT (header.payload.signature)'],
    ['four parts', 'canary.a.b.c', 'is not a JWT (header.payload.signature)'],
    ['an empty signature', `${encode({})}.${encode({})}.`, 'is not a JWT (header.payload.signature)'],
    ['no JSON in it', 'canary.canary.canary', 'is not a JWT (header.payload.signature)'],
  ])('S127: --jwt-token of %s is exit 2 with a clear error, and nothing is sent', async (_, token, words) => {
    await using world = withToken('x')
    const { run, server, file } = world
    const { code, err } = await run(['auth', 'login', '--jwt-token', token, '-s', server.url])
    expect([code, existsSync(file), server.requests]).toEqual([2, false, []])
    expect(err).toContain(words)
    expect(err).not.toContain('canary')
  })

  test('S128: an expired --jwt-token is exit 4, and nothing is sent', async () => {
    await using world = withToken('x')
    const { run, server, file } = world
    const token = jwt({ exp: inDays(-1) })
    const { code, err } = await run(['auth', 'login', '--jwt-token', token, '-s', server.url])
    expect([code, existsSync(file), server.requests]).toEqual([4, false, []])
    expect(err).toContain('fob: the token in --jwt-token has expired\nhint: get a new one\n')
  })

  test.each([
    [0.01, 'less than an hour'],
    [1, '23 h'],
    [6.9, '6 days'],
    [7.1, undefined],
  ])('S128: a --jwt-token that ends in %p days', async (days, words) => {
    const token = jwt({ exp: inDays(days) })
    await using world = withToken(token)
    const { run, server } = world
    const { code, err } = await run(['auth', 'login', '--jwt-token', token, '-s', server.url])
    expect(code).toBe(0)
    if (words === undefined) expect(err).not.toContain('this token ends')
    else expect(err).toContain(`warning: this token ends in ${words}, at 2`)
  })

  test('S197: --tenant goes with the check and is saved', async () => {
    await using world = withToken('canary-pat')
    const { run, server, entry } = world
    await run(['auth', 'login', '--with-token', 'canary-pat', '-t', 'acme', '-s', server.url])
    expect([server.headers.at(-1)?.get('x-tenant'), entry().tenant]).toEqual(['acme', 'acme'])
  })

  test('a server that is away saves nothing: exit 7', async () => {
    await using world = withToken('canary-pat')
    const { run, server, file } = world
    await server.stop()
    const { code } = await run(['auth', 'login', '--with-token', 'canary-pat', '-s', server.url])
    expect([code, existsSync(file)]).toEqual([7, false])
  })
})

const address = (url: string, user: string) => url.replace('://', `://${user}@`)

describe('Basic authentication from the address', () => {
  const basic = { strategy: 'basic', basic: 'ada:canary-pass' } as const

  test('S8: it is checked and stored, later commands need no user in the address, and the password shows nowhere', async () => {
    await using world = withToken('x', basic)
    const { run, server, entry } = world
    const login = await run(['auth', 'login', '-s', address(server.url, 'ada:canary-pass'), '--debug'])
    expect(login.code).toBe(0)
    expect(entry()).toMatchObject({ kind: 'basic', username: 'ada' })
    server.headers.length = 0
    const status = await run(['auth', 'status', '--check', '-o', 'json'])
    expect([status.code, JSON.parse(status.out)[0].check]).toEqual([0, 'accepted'])
    expect(server.headers.at(-1)?.get('authorization')).toBe(`Basic ${btoa('ada:canary-pass')}`)
    const all = [login, status, await run(['whoami']), await run(['auth', 'logout'])]
    const shown = all.map(({ out, err }) => out + err).join('\n')
    expect(shown).not.toContain('canary')
    expect(shown).not.toContain(btoa('ada:canary-pass').slice(0, 12))
  })

  test('S224: a wrong password exits 4 and saves nothing', async () => {
    await using world = withToken('x', basic)
    const { run, server, file } = world
    const { code, err } = await run(['auth', 'login', '-s', address(server.url, 'ada:canary-wrong')])
    expect([code, existsSync(file), err.includes('canary')]).toEqual([4, false, false])
  })

  test('a password with letters that an address has to escape', async () => {
    await using world = withToken('x', { strategy: 'basic', basic: 'ada:p@ss/w:rd' })
    const { run, server } = world
    const { code } = await run(['auth', 'login', '-s', address(server.url, 'ada:p%40ss%2Fw%3Ard')])
    expect(code).toBe(0)
  })

  test('a user alone takes the password from a pipe', async () => {
    await using world = withToken('x', basic)
    const { run, server, entry } = world
    const { code } = await run(['auth', 'login', '-s', address(server.url, 'ada')], {
      stdin: 'canary-pass\n',
    })
    expect([code, entry().kind]).toEqual([0, 'basic'])
  })

  test.each([
    ['no password, no pipe', 'ada', ''],
    ['control characters', 'ada:a%00b', undefined],
    ['no user', ':canary', undefined],
    ['a colon in the user', 'a%3Ab:canary', undefined],
  ])('%s is exit 2, and nothing is sent', async (_, user, stdin) => {
    await using world = withToken('x', basic)
    const { run, server, file } = world
    const { code, err } = await run(
      ['auth', 'login', '-s', address(server.url, user)],
      stdin === undefined ? {} : { stdin },
    )
    expect([code, existsSync(file), server.requests, err.includes('canary')]).toEqual([2, false, [], false])
  })
})

describe('ways that exclude each other', () => {
  test.each([
    ['--device', '--no-browser'],
    ['--device', '--oob'],
    ['--device', '--token-stdin'],
    ['--device', '--with-token=canary'],
    ['--device', '--jwt-token=canary'],
    ['--no-browser', '--token-stdin'],
    ['--no-browser=true', '--token-stdin'],
    ['--no-browser', '--with-token=canary'],
    ['--token-stdin', '--with-token=canary'],
    ['--token-stdin', '--jwt-token=canary'],
    ['--with-token=canary', '--jwt-token=canary'],
    ['--token-stdin', '--client-id=x'],
    ['--with-token=canary', '--scope=x'],
    ['--jwt-token=canary', '--client-id=x'],
  ])('%s with %s is exit 2 and names both', async (one, other) => {
    const { code, err } = await machine().run(['auth', 'login', '-s', 'http://127.0.0.1:1', one, other])
    expect(code).toBe(2)
    for (const flag of [one, other]) expect(err).toContain(flag.split('=')[0] ?? '')
    expect(err).not.toContain('canary')
  })

  test('--oob with --no-browser is one method, not two', () => {
    const flags = { browser: false, oob: true, device: false, 'token-stdin': false, scope: [] }
    const method = chooseMethod(
      {
        ...flags,
        'with-token': undefined,
        workload: undefined,
        'workload-token-file': undefined,
        'client-id': undefined,
        par: false,
        dpop: false,
      },
      { authToken: undefined, jwtToken: undefined },
    )
    expect(method).toEqual({ kind: 'paste', outOfBand: true })
  })

  test.each(['--device', '--no-browser', '--token-stdin', '--with-token=canary'])(
    'a user in the address with %s is exit 2',
    async (flag) => {
      const { code, err } = await machine().run([
        'auth',
        'login',
        '-s',
        'http://ada:canary@127.0.0.1:1',
        flag,
      ])
      expect([code, err.includes('canary')]).toEqual([2, false])
    },
  )

  test('--auth-token is never stored, so it is no way to log in', async () => {
    const { code, err } = await machine().run(['auth', 'login', '--auth-token', 'canary'])
    expect([code, err.includes('canary'), err.includes('--token-stdin')]).toEqual([2, false, true])
  })
})

describe('ways without a browser here', () => {
  test('R7, S41: "fob login --device" shows a code, waits, and stores the login', async () => {
    await using server = startOAuthServer({ polls: ['authorization_pending', 'slow_down', 'ok'] })
    const { run, file } = machine({ BROWSER: 'true' })
    const waits: number[] = []
    const { code, err } = await run(['login', '--device', '-s', server.url], {
      sleep: async (ms) => void waits.push(ms),
    })
    expect([code, waits]).toEqual([0, [5000, 5000, 10_000]])
    expect(err).toContain('WDJB-MJHT')
    expect(err).not.toContain('canary')
    expect(JSON.parse(readFileSync(file, 'utf8')).servers[server.url]).toMatchObject({ kind: 'oauth' })
  })

  test('--device does not wait longer than --timeout', async () => {
    await using server = startOAuthServer({ polls: [] })
    let now = Date.now()
    const here = machine({ BROWSER: 'true' })
    const { code } = await here.run(['auth', 'login', '--device', '--timeout', '30s', '-s', server.url], {
      sleep: async (ms) => void (now = here.advance(ms)),
    })
    expect([code, server.seen.token.length, now > 0]).toEqual([4, 5, true])
  })

  test('S217: --no-browser with the answer in a pipe', async () => {
    await using server = startOAuthServer()
    const { run, file } = machine()
    const { code, err } = await run(['auth', 'login', '--no-browser', '-s', server.url], {
      stdin: 'not known\ncode=x&state=y\nunknown\n',
    })
    expect([code, existsSync(file)]).toEqual([4, false])
    expect(err).toContain('no usable code in 3 tries')
  })

  test.each([
    ['an empty pipe', { stdin: '' }, []],
    ['--no-input at a terminal', { terminal: true }, ['--no-input']],
  ])('--no-browser with %s is exit 2', async (_, options, flags) => {
    await using server = startOAuthServer()
    const deps = fakeDeps(options)
    expect(await runCommandLine(['auth', 'login', '--no-browser', '-s', server.url, ...flags], deps)).toBe(2)
    expect(deps.io.err()).toContain('nobody is there')
    expect(deps.io.err()).toContain('--device')
  })
})

describe('a server without /api/v1/profile', () => {
  const claims = { sub: 'u-7', name: 'Ada of userinfo', email: 'ada@other.example' }

  test.each([
    ['userinfo', { userinfo: claims }, 'Ada of userinfo ada@other.example'],
    [
      'the ID token',
      {
        extraTokens: {
          id_token: jwt({ sub: 'u-7', name: 'Ada of the token', aud: 'fob-cli', exp: inDays(1) }),
        },
      },
      'Ada of the token',
    ],
    [
      'nothing, when the ID token is meant for another client',
      { extraTokens: { id_token: jwt({ sub: 'u-7', name: 'Eve', aud: 'other', exp: inDays(1) }) } },
      'an unnamed account',
    ],
    ['nothing at all', {}, 'an unnamed account'],
  ])('S209: the name comes from %s', async (_, changes, name) => {
    await using server = startOAuthServer({ profile: null, strategy: 'unknown', ...changes })
    const { run } = machine()
    const { code, err } = await run(['auth', 'login', '-s', server.url])
    expect(code).toBe(0)
    expect(err).toContain(`Logged in to ${server.url} as ${name}\n`)
  })

  test('S209: userinfo about somebody else than the ID token counts for nothing', async () => {
    const id_token = jwt({ sub: 'u-7', name: 'Ada', aud: 'fob-cli', exp: inDays(1) })
    await using server = startOAuthServer({
      profile: null,
      userinfo: { sub: 'u-8', name: 'Eve' },
      extraTokens: { id_token },
    })
    const { err } = await machine().run(['auth', 'login', '-s', server.url])
    expect(err).toContain('as Ada\n')
  })

  test('S224: a token that was handed to us is checked at userinfo', async () => {
    await using world = withToken('canary-pat', { profile: null, userinfo: claims })
    const { run, server } = world
    const good = await run(['auth', 'login', '--with-token', 'canary-pat', '-s', server.url])
    const bad = await run(['auth', 'login', '--with-token', 'canary-bad', '-s', server.url])
    expect([good.code, bad.code]).toEqual([0, 4])
  })

  test('S224: without any way to check it, a token is not stored', async () => {
    await using world = withToken('canary-pat', { profile: null })
    const { run, server, file } = world
    const { code, err } = await run(['auth', 'login', '--with-token', 'canary-pat', '-s', server.url])
    expect([code, existsSync(file)]).toEqual([1, false])
    expect(err).toContain('to check this with')
  })

  test.each([
    ['a list', [1, 2, { a: null }]],
    ['an empty object', {}],
    ['an object that names nobody', { id: null, name: '', roles: ['admin'] }],
    ['a word', 'ok'],
  ])('S224: a server that answers everything with %s has accepted nothing', async (_, answer) => {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.json(answer) })
    const { run, file } = machine()
    const args = ['auth', 'login', '--token-stdin', '-s', server.url.origin]
    const { code, err } = await run(args, { stdin: 'canary-pat' })
    await server.stop(true)
    expect([code, existsSync(file)]).toEqual([1, false])
    expect(err).toContain('to check this with')
  })

  test('discovery off: the conventional paths do', async () => {
    await using server = startOAuthServer({ metadata: 'none', profile: null, userinfo: claims })
    const { run } = machine()
    const { code, err } = await run(['auth', 'login', '-s', server.url, '--scope', 'openid'])
    expect([code, err.includes('as Ada of userinfo')]).toEqual([0, true])
  })
})

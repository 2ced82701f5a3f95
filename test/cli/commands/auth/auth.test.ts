/** Commands on a stored login: `auth token`, `status`, `refresh`, `logout` and `whoami`, before and after expiry. */
import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine } from '../../../support/client/client-machine.ts'
import { type Behaviour, startOAuthServer } from '../../../support/servers/oauth-server.ts'

/** A machine that has just logged in to a server of its own. */
async function loggedIn(changes: Partial<Behaviour> = {}) {
  const server = startOAuthServer(changes)
  const here = machine()
  expect((await here.run(['auth', 'login', '-s', server.url])).code).toBe(0)
  server.requests.length = 0
  return {
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    server,
    ...here,
    entry: () => JSON.parse(readFileSync(here.file, 'utf8')).servers[server.url],
  }
}

const inDays = (days: number) => Math.floor(Date.now() / 1000 + days * 24 * 3600)

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const jwt = (claims: object) => `${encode({ alg: 'HS256' })}.${encode(claims)}.sig`

const knowsAda = ({ url, headers }: Request) =>
  url.endsWith('/profile') && headers.get('authorization') === `Basic ${btoa('ada:canary-pass')}`

/** A server that knows Ada's password at its profile call, and refuses everything else. */
function refusing() {
  return Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      if (request.url.endsWith('/health')) return Response.json({ strategy: 'basic' })
      return knowsAda(request) ? Response.json({ name: 'ada' }) : new Response('', { status: 401 })
    },
  })
}

describe('after a login', () => {
  test('auth token prints the token alone and sends nothing', async () => {
    await using world = await loggedIn()
    const { run, server, entry } = world
    expect(await run(['auth', 'token'])).toEqual({ code: 0, out: `${entry().token}\n`, err: '' })
    expect(server.requests).toEqual([])
  })

  test('R11, S245: within 30 seconds of the end it is renewed first, and both tokens are saved', async () => {
    await using world = await loggedIn()
    const { run, server, entry, advance } = world
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
    await using world = await loggedIn()
    const { run, server, entry, advance } = world
    await server.stop()
    advance(4_000_000)
    expect((await run(['auth', 'token'])).code).toBe(7)
    await using other = startOAuthServer()
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
    await using world = await loggedIn()
    const { run, server, advance } = world
    await server.stop()
    const early = await run(['whoami', '-o', 'json'])
    expect(JSON.parse(early.out)).toMatchObject({ id: 'u1', name: 'Ada Lovelace', email: 'ada@example.com' })
    expect(early.err).toBe('')
    advance(3_580_000)
    const late = await run(['whoami'])
    expect([late.code, /warning: the token expires in (19|20) s/.test(late.err)]).toEqual([0, true])
  })

  test('auth status lists every login with its state and place, and no secret', async () => {
    await using world = await loggedIn()
    const { run, server } = world
    await using other = startOAuthServer({ expiresIn: undefined })
    await run(['auth', 'login', '-s', other.url])
    const { code, out } = await run(['auth', 'status', '-s', server.url, '-o', 'json'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject([
      {
        id: `${server.url}#u1`,
        server: server.url,
        current: true,
        state: 'valid',
        storage: 'file',
        renewable: true,
        kind: 'oauth',
      },
      { id: `${other.url}#u1`, current: false, expiresAt: null },
    ])
    expect(out).not.toContain('canary')
    expect((await run(['auth', 'status', '-s', server.url])).out).toContain(`*\t${server.url}\tAda Lovelace`)
  })

  test('auth status exits 4 when the current login is missing or has expired, after the list', async () => {
    await using world = await loggedIn()
    const { run, server, file, entry, advance } = world
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

  test('auth status --check asks the server too, as a command would', async () => {
    await using world = await loggedIn()
    const { run, server, entry } = world
    const checked = async () => {
      const { code, out } = await run(['auth', 'status', '--check', '-o', 'json'])
      return [code, JSON.parse(out)[0].check]
    }
    expect(await checked()).toEqual([0, 'accepted'])
    server.valid.clear()
    expect(await checked()).toEqual([0, 'accepted'])
    server.valid.clear()
    const revoked = new URLSearchParams({ token: entry().refreshToken })
    await fetch(`${server.url}/oauth/revoke`, { method: 'POST', body: revoked })
    expect(await checked()).toEqual([4, 'rejected'])
  })

  test.each([[], ['--check']])(
    'auth status shows its rows also where the JWT of this call has expired %p',
    async (...more: string[]) => {
      await using world = await loggedIn()
      const env = { FOB_JWT_TOKEN: jwt({ exp: inDays(-1) }) }
      const { code, out, err } = await world.run(['auth', 'status', '-o', 'json', ...more], { env })
      expect(JSON.parse(out)).toMatchObject([
        { account: 'FOB_JWT_TOKEN', current: true, kind: 'jwt', state: 'expired' },
        { current: false, state: 'valid' },
      ])
      expect(code).toBe(4)
      expect(err).toContain('the token in FOB_JWT_TOKEN has expired')
      // Other commands refuse it as before.
      expect(await world.run(['auth', 'token'], { env })).toMatchObject({ code: 4, out: '' })
    },
  )

  test.each([
    ['FOB_TOKEN', 'token', { FOB_TOKEN: 'canary-env' }, []],
    ['FOB_JWT_TOKEN', 'jwt', { FOB_JWT_TOKEN: jwt({ exp: inDays(30) }) }, []],
    ['--auth-token', 'token', {}, ['--auth-token', 'canary-env']],
  ])('auth status has a row for what this call uses first: %s', async (source, kind, env, flags) => {
    await using world = await loggedIn({ profile: { name: 'Ada', role: 'member', scopes: ['runs:read'] } })
    const { run, server } = world
    const row = async (...more: string[]) => {
      const { code, out, err } = await run(['auth', 'status', '-o', 'json', ...flags, ...more], { env })
      const rows = JSON.parse(out)
      expect(rows.filter(({ current }: { current: boolean }) => current)).toEqual([rows[0]])
      expect(out + err).not.toContain('canary-env')
      return { code, err, row: rows[0] }
    }
    const offline = await row()
    const expected = {
      account: source,
      current: true,
      kind,
      storage: 'call',
      storageReason: source,
      role: null,
    }
    expect(offline).toMatchObject({ code: 0, row: { ...expected, state: 'valid' } })
    expect(offline.row.expiresAt === null).toBe(kind === 'token')
    const refused = await row('--check')
    expect(refused).toMatchObject({ code: 4, row: { check: 'rejected' } })
    expect(
      JSON.parse(refused.err.split('\n').find((line) => line.startsWith('{')) ?? '').error,
    ).toMatchObject({
      message: `${server.url} does not accept the token in ${source}`,
    })
    server.valid.add(Object.values(env)[0] ?? 'canary-env')
    const accepted = await row('--check')
    expect(accepted).toMatchObject({
      code: 0,
      row: { check: 'accepted', role: 'member', scopes: ['runs:read'] },
    })
  })

  test('R10: auth status shows the tenant that commands would use, what they may do, and no frightening end', async () => {
    await using world = await loggedIn({ profile: { name: 'Ada', role: 'member', scopes: ['runs:read'] } })
    const { run } = world
    const { out } = await run(['auth', 'status', '--check', '-o', 'json', '--tenant', 'acme'])
    expect(JSON.parse(out)).toMatchObject([{ tenant: 'acme', role: 'member', scopes: ['runs:read'] }])
    const table = await run(['auth', 'status', '--check'], { env: { FOB_TENANT: 'shop' } })
    expect(table.out).toMatch(/\tshop\toauth\tmember: runs:read\tvalid\trenews itself\t/)
  })

  test('auth status --check tells a server that is away from one that refuses', async () => {
    await using world = await loggedIn()
    const { run, server } = world
    await server.stop()
    const { code, out } = await run(['auth', 'status', '--check', '-o', 'json'])
    expect([code, JSON.parse(out)[0].check]).toEqual([0, 'unreachable'])
  })

  test('auth refresh renews now', async () => {
    await using world = await loggedIn()
    const { run, server, entry } = world
    const before = entry().token
    expect((await run(['auth', 'refresh'])).code).toBe(0)
    expect([entry().token === before, server.requests]).toEqual([false, ['POST /oauth/token']])
  })

  test('R12: auth logout revokes both tokens and deletes them, S236: settings stay', async () => {
    await using world = await loggedIn()
    const { run, server, entry, home, file } = world
    const { token, refreshToken } = entry()
    writeFileSync(join(home, 'config.toml'), 'tenant = "acme"\n')
    const { code, err } = await run(['auth', 'logout'])
    expect([code, err]).toEqual([0, `Logged out of ${server.url} (ada@example.com)\n`])
    expect(server.seen.revoke.map((form) => form.get('token'))).toEqual([refreshToken, token])
    expect(JSON.parse(readFileSync(file, 'utf8')).servers).toEqual({})
    expect(existsSync(join(home, 'config.toml'))).toBe(true)
  })

  test.each([503, 0])(
    'R12: a revocation that fails (%d) is said, and the login is deleted all the same',
    async (s) => {
      await using world = await loggedIn()
      const { run, server, file } = world
      if (s === 0) await server.stop()
      server.behaviour.revokeStatus = s
      const { code, err } = await run(['auth', 'logout'])
      expect([code, err.includes('warning: the server may still accept the token')]).toEqual([0, true])
      expect(err).not.toContain('canary')
      expect(JSON.parse(readFileSync(file, 'utf8')).servers).toEqual({})
    },
  )

  test('S233, S234: logout forgets one server, --all every one; S114: twice is no error', async () => {
    await using world = await loggedIn()
    const { run, server, file } = world
    await using other = startOAuthServer()
    await run(['auth', 'login', '-s', other.url])
    await run(['auth', 'logout', '--api-url', `${other.url}/api/v1`])
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')).servers)).toEqual([server.url])
    await run(['auth', 'login', '-s', other.url])
    expect((await run(['auth', 'logout', '--all'])).code).toBe(0)
    expect(JSON.parse(readFileSync(file, 'utf8')).servers).toEqual({})
    expect((await run(['auth', 'logout'])).code).toBe(0)
  })

  test.each([
    ['logout', [], true, 'stops working (--local only forgets it here)'],
    ['logout --revoke', ['--revoke'], true, undefined],
    ['logout --local', ['--local'], false, 'The server was not told: it still accepts the token'],
  ])(
    'S244: a stored ci_ token is revoked, and what else stops working is said: %s',
    async (_, flags, revoked, words) => {
      let revocations = 0
      using server = Bun.serve({
        hostname: '127.0.0.1',
        port: 0,
        fetch: ({ method, url }) => {
          if (method === 'DELETE' && url.endsWith('/api/auth/cli-tokens/current')) revocations++
          return Response.json({ name: 'ada' })
        },
      })
      const { run, file } = machine()
      const args = ['auth', 'login', '--token-stdin', '-s', server.url.origin]
      expect((await run(args, { stdin: 'ci_canary' })).code).toBe(0)
      const { code, err } = await run(['auth', 'logout', ...flags])
      expect([code, revocations === 1, readFileSync(file, 'utf8').includes('canary')]).toEqual([
        0,
        revoked,
        false,
      ])
      if (words === undefined) expect(err).not.toContain('stops working')
      else expect(err).toContain(words)
      expect((await run(['auth', 'logout', '--local', '--revoke'])).code).toBe(2)
    },
  )

  test('without a login, token and whoami exit 4 and name the command', async () => {
    const { run } = machine()
    for (const words of [
      ['auth', 'token'],
      ['auth', 'refresh'],
    ]) {
      const { code, out, err } = await run(words)
      expect([code, out]).toEqual([4, ''])
      expect(err).toContain('hint: run fob auth login -s http://localhost:8080')
    }
    const { code, out, err } = await run(['whoami', '-s', 'http://127.0.0.1:1'])
    expect([code, out]).toEqual([4, ''])
    expect(err).toContain('hint: run fob auth login -s http://127.0.0.1:1')
  })

  test.each([
    ['open', 0, 'is open to everyone: no login is needed'],
    ['oauth', 4, 'run fob auth login'],
    ['unknown', 4, 'run fob auth login'],
  ] as const)(
    'without a login at a server that is %s, whoami and auth status exit %d',
    async (strategy, expected, words) => {
      await using server = startOAuthServer({ strategy })
      const status = await machine().run(['auth', 'status', '-s', server.url, '-o', 'json'])
      expect([status.code, JSON.parse(status.out), status.err.includes(words)]).toEqual([expected, [], true])
      const { code, out, err } = await machine().run(['whoami', '-s', server.url, '-o', 'json'])
      expect([code, err.includes(words)]).toEqual([expected, true])
      if (expected === 0) expect(JSON.parse(out)).toMatchObject({ id: null, name: null, server: server.url })
    },
  )

  test('R11: whoami says of a login that the server has ended just that, whatever its time', async () => {
    await using world = await loggedIn()
    const { run, server, entry } = world
    const revoked = new URLSearchParams({ token: entry().refreshToken })
    await fetch(`${server.url}/oauth/revoke`, { method: 'POST', body: revoked })
    expect((await run(['auth', 'refresh'])).code).toBe(4)
    const { code, out, err } = await run(['whoami'])
    expect([code, out.includes('Ada Lovelace'), err]).toEqual([
      0,
      true,
      `warning: the server no longer accepts this login — run fob auth login -s ${server.url}\n`,
    ])
  })

  test('whoami asks the server about a token that was given for this call', async () => {
    await using world = await loggedIn()
    const { run, server } = world
    server.valid.add('canary-env')
    const { code, out } = await run(['whoami', '-o', 'json'], { env: { FOB_TOKEN: 'canary-env' } })
    expect([code, JSON.parse(out).name, server.requests]).toEqual([
      0,
      'Ada Lovelace',
      ['GET /api/v1/profile'],
    ])
    expect(out).not.toContain('canary')
  })

  test.each([
    ['FOB_TOKEN', [], { FOB_TOKEN: 'canary-env' }, 'the token in FOB_TOKEN was refused'],
    ['CI_AUTH_TOKEN', [], { CI_AUTH_TOKEN: 'canary-env' }, 'the token in CI_AUTH_TOKEN was refused'],
    ['--auth-token', ['--auth-token', 'canary-env'], {}, 'the token in --auth-token was refused'],
  ])(
    'S48: a refused credential is named after the text of the documents: %s',
    async (_, flags, env, name) => {
      using server = refusing()
      const { run } = machine()
      for (const words of [['runs', 'list'], ['whoami']]) {
        const { code, err } = await run([...words, '-s', server.url.origin, ...flags], { env })
        expect(code).toBe(4)
        expect(err).toMatch(/required: .* 401 Unauthorized\n\nPlease log in first:[^]*\nhint: the/)
        expect(err).toContain(`hint: ${name}: is it complete`)
        const json = await run([...words, '-s', server.url.origin, ...flags, '-o', 'json'], { env })
        expect(JSON.parse(json.err).error.hint).toContain(name)
      }
    },
  )

  test('S48: where a password is refused, it is said whose', async () => {
    using server = refusing()
    const { run } = machine()
    const address = server.url.origin.replace('://', '://ada:canary-pass@')
    const given = await run(['runs', 'list', '-s', address])
    expect(given.err).toContain("hint: the password of ada in the server's address was refused")
    expect((await run(['auth', 'login', '-s', address])).code).toBe(0)
    const stored = await run(['runs', 'list'])
    expect([given.code, stored.code]).toEqual([4, 4])
    expect(stored.err).toContain('hint: the stored password of ada')
    expect(given.err + stored.err).not.toContain('canary')
  })

  test.each([
    ['FOB_JWT_TOKEN', ['auth', 'token'], 'FOB_JWT_TOKEN'],
    ['FOB_TOKEN', ['auth', 'token'], 'FOB_TOKEN'],
  ])('S128: a JWT in %s that ends within 7 days is warned of wherever it is used', async (_, words, name) => {
    const { run } = machine()
    const token = jwt({ exp: inDays(3) })
    const { code, out, err } = await run(words, { env: { [name]: token } })
    expect([code, out]).toEqual([0, `${token}\n`])
    expect(err).toMatch(new RegExp(`^warning: the token in ${name} ends in [23] days, at `))
    expect((await run(words, { env: { [name]: jwt({ exp: inDays(9) }) } })).err).toBe('')
  })

  test('a token in FOB_TOKEN that was issued for an hour is not warned of at every call', async () => {
    const { run } = machine()
    const token = jwt({ iat: Math.floor(Date.now() / 1000) - 60, exp: Math.floor(Date.now() / 1000) + 3540 })
    expect((await run(['auth', 'token'], { env: { FOB_TOKEN: token } })).err).toBe('')
    expect((await run(['auth', 'token'], { env: { FOB_JWT_TOKEN: token } })).err).toContain(
      'less than an hour',
    )
    const ofThreeDays = jwt({ iat: Math.floor(Date.now() / 1000) - 60, exp: inDays(3) })
    expect((await run(['auth', 'token'], { env: { FOB_TOKEN: ofThreeDays } })).err).toContain('ends in')
  })

  test.each([
    ['FOB_TOKEN', [], { FOB_TOKEN: 'canary-env' }],
    ['--auth-token', ['--auth-token', 'canary-env'], {}],
  ])(
    'R9: a token for one call (%s) needs no credentials file, which may be damaged',
    async (_, flags, env) => {
      await using server = startOAuthServer()
      server.valid.add('canary-env')
      const { run, home, file } = machine()
      mkdirSync(home)
      writeFileSync(file, '{')
      const named = await run(['whoami', '-s', server.url, ...flags], { env })
      expect([named.code, named.out]).toMatchObject([0, expect.stringContaining('Ada Lovelace')])
      // Which server is meant stands in the file alone: the token goes nowhere.
      const unnamed = await run(['whoami', ...flags], { env })
      expect([unnamed.code, unnamed.err.includes('it is not JSON')]).toEqual([2, true])
      expect((await run(['whoami', '-s', server.url])).code).toBe(2)
      expect(readFileSync(file, 'utf8')).toBe('{')
    },
  )

  test('S223: a token from a variable is printed and never stored', async () => {
    const { run, file } = machine()
    expect((await run(['auth', 'token'], { env: { FOB_TOKEN: 'one-off' } })).out).toBe('one-off\n')
    expect(existsSync(file)).toBe(false)
  })
})

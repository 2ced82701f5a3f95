/** The whole client against servers that refuse, revoke and fail in other ways than ours. */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { machine } from '../../../support/client/client-machine.ts'
import { type Behaviour, startOAuthServer } from '../../../support/servers/oauth-server.ts'
import {
  betterAuth,
  GITHUB,
  GLEWLWYD,
  LEMONLDAP,
  PASSPORT,
} from '../../../support/stand-ins/oauth-server-quirks.ts'

/** A machine that is logged in to a server that behaves so. */
async function loggedIn(changes: Partial<Behaviour>) {
  const server = startOAuthServer(changes)
  const here = machine()
  expect((await here.run(['auth', 'login', '-s', server.url])).code).toBe(0)
  server.requests.length = 0
  return {
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    server,
    ...here,
    entry: () => JSON.parse(readFileSync(here.file, 'utf8')).servers[server.url],
    state: async () => JSON.parse((await here.run(['auth', 'status', '-o', 'json'])).out)[0].state,
  }
}

describe('a refused refresh token', () => {
  test.each([
    ['Laravel Passport up to 12: 401 invalid_request', PASSPORT],
    ['Glewlwyd: 400 and no body', GLEWLWYD],
    ['LemonLDAP::NG: 400 invalid_request', LEMONLDAP],
  ])(
    'ends the login with exit 4, and its secrets stay for one more try that the user asks for: %s',
    async (_, quirk) => {
      await using world = await loggedIn(quirk)
      const { run, server, entry, state, advance } = world
      advance(4_000_000)
      expect(await state()).toBe('renewable')
      const { code, err } = await run(['auth', 'token'])
      expect([code, err.split('\n')[0]]).toEqual([4, 'fob: credentials expired — run fob auth login'])
      expect(err).toContain('fob auth refresh')
      expect(await state()).toBe('expired')
      expect(entry().refreshToken).toStartWith('canary')
      // Commands do not ask again by themselves.
      server.requests.length = 0
      expect((await run(['auth', 'token'])).code).toBe(4)
      expect(server.requests).toEqual([])
      // The user may, and the server may have come to its senses.
      expect((await run(['auth', 'refresh'])).code).toBe(4)
      delete server.behaviour.instead
      expect((await run(['auth', 'refresh'])).code).toBe(0)
      expect((await run(['auth', 'token'])).code).toBe(0)
    },
  )

  test('invalid_grant alone deletes the secrets, under 200 as well (GitHub)', async () => {
    await using world = await loggedIn(GITHUB)
    const { run, entry, state, advance } = world
    advance(4_000_000)
    const { code, err } = await run(['auth', 'token'])
    expect([code, err]).toEqual([4, 'fob: credentials expired — run fob auth login\n'])
    expect([await state(), entry().token, entry().refreshToken]).toEqual(['expired', undefined, undefined])
  })

  test.each([
    ['500', () => new Response('', { status: 500 })],
    ['429', () => new Response('', { status: 429, headers: { 'retry-after': '7' } })],
    [
      "a proxy's page",
      () => new Response('<html>', { status: 403, headers: { 'content-type': 'text/html' } }),
    ],
  ])('%s changes nothing: exit 7, and the next call renews', async (_, response) => {
    await using world = await loggedIn({})
    const { run, server, state, advance } = world
    advance(4_000_000)
    server.behaviour.instead = ({ path }) => (path === '/oauth/token' ? response() : undefined)
    expect((await run(['auth', 'token'])).code).toBe(7)
    expect(await state()).toBe('renewable')
    delete server.behaviour.instead
    expect((await run(['auth', 'token'])).code).toBe(0)
  })
})

describe('a logout', () => {
  test('says plainly that the server has no revocation (Laravel Passport)', async () => {
    await using world = await loggedIn(PASSPORT)
    const { code, err } = await world.run(['auth', 'logout'])
    expect(code).toBe(0)
    expect(err).toContain(
      'warning: the server has no revocation: it may accept the token until that expires; here it is deleted\n',
    )
  })

  test('revokes the refresh token first; what is invalid afterwards is revoked (Better Auth)', async () => {
    await using world = await loggedIn(betterAuth())
    const { run, server } = world
    const { code, err } = await run(['auth', 'logout'])
    expect([code, err]).toEqual([0, `Logged out of ${server.url} (ada@example.com)\n`])
    expect(server.requests).toEqual(['POST /oauth/revoke', 'POST /oauth/revoke'])
  })

  test('a refresh token that the server does not take is a warning, and the access token is revoked all the same', async () => {
    await using world = await loggedIn({})
    const { run, server, entry } = world
    const { token, refreshToken } = entry()
    server.behaviour.instead = ({ path, form }) =>
      path === '/oauth/revoke' && form.get('token') === refreshToken
        ? Response.json({ error: 'unsupported_token_type' }, { status: 400 })
        : undefined
    const { code, err } = await run(['auth', 'logout'])
    expect([code, server.valid.has(token)]).toEqual([0, false])
    expect(err).toContain('warning: the server may still accept the token, ')
  })
})

const refused = async (changes: Partial<Behaviour>, ...flags: string[]) => {
  const server = startOAuthServer(changes)
  const here = machine()
  const { code, err } = await here.run(['auth', 'login', '-s', server.url, ...flags])
  return { [Symbol.asyncDispose]: server[Symbol.asyncDispose], server, code, err }
}
const profile = (status: number, body: object): Partial<Behaviour> => ({
  instead: ({ path }) => (path === '/api/v1/profile' ? Response.json(body, { status }) : undefined),
})

describe('a login that fails after the tokens came', () => {
  test.each([
    ['a profile call that fails', profile(500, { error: 'broken' }), [], 7],
    ['a foreign tenant', profile(403, { error: 'forbidden', tenants: ['acme'] }), ['--tenant', 'other'], 5],
    ['a tenant that is not a slug', { profile: { id: 'u1', tenant: '../x' } }, [], 7],
    [
      "another client's ID token",
      {
        extraMetadata: { id_token_signing_alg_values_supported: ['RS256'] },
        extraTokens: { id_token: idToken({ aud: 'another' }) },
      },
      [],
      7,
    ],
  ])('revokes them: %s', async (_, changes, flags, exit) => {
    await using world = await refused(changes, ...flags)
    const { server, code } = world
    expect([code, server.valid.size]).toEqual([exit, 0])
    const hints = server.seen.revoke.map((form) => form.get('token_type_hint'))
    expect(hints).toEqual(['refresh_token', 'access_token'])
  })

  test('says so where the server does not revoke them', async () => {
    await using world = await refused({ ...profile(500, { error: 'broken' }), revokeStatus: 503 })
    expect(world.err).toContain('warning: the server may still accept the token that it has just issued, ')
  })
})

describe('a clock that is wrong', () => {
  test.each([
    [2 * 3_600_000, '2 h ahead of'],
    [90 * 60_000, '1 h 30 min ahead of'],
  ])('is named with how much, and no code of a library: %d ms', async (ahead, words) => {
    await using server = startOAuthServer({
      extraMetadata: { id_token_signing_alg_values_supported: ['RS256'] },
      writeTokens: (tokens) => {
        const now = Date.now() - ahead
        const date = new Date(now).toUTCString()
        const claims = { iss: server.url, exp: Math.floor(now / 1000) + 600 }
        return Response.json({ ...tokens, id_token: idToken(claims) }, { headers: { date } })
      },
    })
    const { code, err } = await machine().run(['auth', 'login', '-s', server.url])
    expect(code).toBe(1)
    expect(err).toContain(`the clock of this machine is ${words} that of ${server.url}`)
    expect(err).toContain('hint: set the clock of this machine')
    expect(err).not.toContain('OAUTH')
  })
})

describe('--debug', () => {
  test('shows discovery, token, userinfo and revocation requests, and nothing secret', async () => {
    await using server = startOAuthServer({ profile: null, strategy: 'unknown', userinfo: { sub: 'u1' } })
    const { run, advance } = machine()
    const lines: string[] = []
    for (const words of [
      ['login', '-s', server.url],
      ['refresh'],
      ['token'],
      ['status', '--check'],
      ['logout'],
    ]) {
      const { code, err } = await run(['auth', ...words, '--debug'])
      expect(code).toBe(0)
      lines.push(...err.split('\n').filter((line) => /^[<>] /.test(line)))
      if (words[0] === 'refresh') advance(4_000_000)
    }
    for (const line of [
      `> GET ${server.url}/.well-known/oauth-authorization-server`,
      `> POST ${server.url}/oauth/token client_id=fob-cli redirect_uri=… code=… code_verifier=… grant_type=authorization_code`,
      `> GET ${server.url}/oauth/userinfo`,
      `> POST ${server.url}/oauth/token client_id=fob-cli refresh_token=… grant_type=refresh_token`,
      `> POST ${server.url}/oauth/revoke client_id=fob-cli token=… token_type_hint=refresh_token`,
      '< 200 application/json;charset=utf-8',
    ]) {
      expect(lines.map((one) => sorted(one))).toContain(sorted(line))
    }
    expect(lines.filter((line) => line.includes('grant_type=refresh_token'))).toHaveLength(2)
    expect(lines.join('\n')).not.toContain('canary')
  })
})

test.each([
  ['a fob server', 'oauth', /^fob\/[\w.-]+ \([\w.-]+\)$/],
  ['another one', 'unknown', /^fob\/[\w.-]+$/],
] as const)(
  '%s is told the program in a login; the machine is for fob alone',
  async (_, strategy, wanted) => {
    await using server = startOAuthServer({ strategy })
    await machine().run(['auth', 'login', '-s', server.url])
    const token = server.requests.indexOf('POST /oauth/token')
    expect(server.headers[token]?.get('user-agent')).toMatch(wanted)
  },
)

/** The fields of a request come in the order of the library. */
function sorted(line: string): string {
  return line.split(' ').toSorted().join(' ')
}

/** Its signature is for nobody: what comes from the token endpoint is trusted by TLS. */
function idToken(claims: Record<string, unknown>): string {
  const seconds = Math.floor(Date.now() / 1000)
  const payload = {
    iss: 'https://x.example',
    sub: 'u1',
    aud: 'fob-cli',
    iat: seconds,
    exp: seconds + 600,
    ...claims,
  }
  return `${part({ alg: 'RS256' })}.${part(payload)}.${Buffer.from('none').toString('base64url')}`
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

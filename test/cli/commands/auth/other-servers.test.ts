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

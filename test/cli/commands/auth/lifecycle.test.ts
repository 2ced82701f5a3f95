/** One login from the first command to the last, on one clock: login, use, renewal, expiry and logout. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { machine } from '../../../support/client/client-machine.ts'
import { startOAuthServer } from '../../../support/servers/oauth-server.ts'

const HOUR_MS = 3_600_000

test('the life of a login, from the first command to the last, on one clock', async () => {
  await using server = startOAuthServer({ expiresIn: 3600 })
  const { run, file, advance } = machine()
  const entry = () => JSON.parse(readFileSync(file, 'utf8')).servers[server.url]
  /** Runs a command against the server, with the requests that it made. */
  const fob = async (...argv: string[]) => {
    server.requests.length = 0
    const { code, out, err } = await run([...argv, '-s', server.url])
    return { code, out, err, requests: [...server.requests] }
  }
  const token = () => fob('auth', 'token')

  // Nobody is logged in: nothing is sent, and the hint names the next step.
  const none = await token()
  expect([none.code, none.out, none.requests]).toEqual([4, '', []])
  expect(none.err).toContain(`not logged in to ${server.url}`)
  expect(none.err).toContain(`hint: run fob auth login -s ${server.url}`)

  // A login stores both tokens, and the user's name.
  const login = await fob('auth', 'login')
  expect([login.code, login.out]).toEqual([0, ''])
  expect(login.err).toContain(`Logged in to ${server.url} as Ada Lovelace`)
  const first = entry()
  expect(first).toMatchObject({ kind: 'oauth', user: { name: 'Ada Lovelace' }, storage: 'file' })

  // While the token is valid, it is printed as it is stored and nothing is sent.
  expect(await token()).toEqual({ code: 0, out: `${first.token}\n`, err: '', requests: [] })
  advance(HOUR_MS / 2)
  expect(await token()).toEqual({ code: 0, out: `${first.token}\n`, err: '', requests: [] })

  // Within 30 seconds of its end it is refreshed, once, and the server's rotated tokens are stored.
  advance(HOUR_MS / 2 - 29_000)
  const refreshed = await token()
  const second = entry()
  expect(refreshed).toEqual({ code: 0, out: `${second.token}\n`, err: '', requests: ['POST /oauth/token'] })
  expect(second.token).not.toBe(first.token)
  expect(second.refreshToken).not.toBe(first.refreshToken)
  expect(await token()).toEqual({ code: 0, out: `${second.token}\n`, err: '', requests: [] })

  // Long after its end it is refreshed again, with the refresh token of the first refresh.
  advance(10 * HOUR_MS)
  const again = await token()
  const third = entry()
  expect(again).toEqual({ code: 0, out: `${third.token}\n`, err: '', requests: ['POST /oauth/token'] })
  expect(server.seen.token.at(-1)?.get('refresh_token')).toBe(second.refreshToken)
  expect(third.token).not.toBe(second.token)

  // Once the refresh token has expired too, the secrets are deleted and the name stays.
  advance(10 * HOUR_MS)
  server.forgetRefreshTokens()
  const expired = await token()
  expect([expired.code, expired.out, expired.requests]).toEqual([4, '', ['POST /oauth/token']])
  expect(expired.err).toBe('fob: credentials expired — run fob auth login\n')
  expect(entry()).toMatchObject({ ended: true, user: { name: 'Ada Lovelace' } })
  expect(readFileSync(file, 'utf8')).not.toContain('canary')
  expect(await token()).toMatchObject({ code: 4, err: expired.err, requests: [] })
  expect((await fob('whoami')).out).toContain('Ada Lovelace')

  // A new login makes it valid again.
  expect((await fob('auth', 'login')).code).toBe(0)
  const fourth = entry()
  expect(fourth.ended).toBeUndefined()
  expect(await token()).toEqual({ code: 0, out: `${fourth.token}\n`, err: '', requests: [] })

  // A logout revokes both tokens, and leaves no login and no secret.
  const logout = await fob('auth', 'logout')
  expect([logout.code, logout.requests]).toEqual([0, ['POST /oauth/revoke', 'POST /oauth/revoke']])
  expect(server.seen.revoke.map((form) => form.get('token'))).toEqual([fourth.refreshToken, fourth.token])
  expect(entry()).toBeUndefined()
  expect(readFileSync(file, 'utf8')).not.toContain('canary')
  expect(await token()).toMatchObject({ code: 4, out: '', err: none.err, requests: [] })
})

/** Many processes with one expired login: one token request, and no login lost by a crash or a read-only home. */
import { describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binaryLogin } from '../../support/client/binary-login.ts'
import { fob, start } from '../../support/client/compiled-binary.ts'
import { ADA, startBinaryServer } from '../../support/servers/binary-server.ts'
import { logIn } from '../../support/servers/oauth-login.ts'
import { startRotatingServer } from '../../support/servers/rotating-token-server.ts'
import { killHolder, refreshStorm } from '../../support/hostile/refresh-storm.ts'
import { temporaryFolder } from '../../support/temporary.ts'

// `scripts/fuzz refresh` does the same for 50 rounds.
describe('one expired login, many processes', () => {
  test('S245, R11: 100 processes make 1 token request, and all get the token', async () => {
    const server = startRotatingServer({ grace: false })
    const { succeeded, requests, failures, healed } = await refreshStorm(server, 100)
    await server.stop()
    expect({ succeeded, requests, failures, healed }).toEqual({
      succeeded: 100,
      requests: 1,
      failures: [],
      healed: true,
    })
  }, 60_000)

  const linux = test.skipIf(process.platform !== 'linux')
  for (const moment of ['before', 'rotated'] as const) {
    linux(
      `R11: the holder of the lock killed ${moment === 'before' ? 'before the server rotates' : 'between rotation and answer'}: all others heal`,
      async () => {
        const arrived = Promise.withResolvers<void>()
        const go = Promise.withResolvers<void>()
        const server = startRotatingServer({
          grace: true,
          at: async (now) => {
            if (now !== moment) return
            arrived.resolve()
            await go.promise
          },
        })
        const result = await refreshStorm(server, 30, async (running, home) => {
          await arrived.promise
          await killHolder(running, home)
          go.resolve()
        })
        await server.stop()
        expect(result).toMatchObject({ succeeded: 29, killed: 1, failures: [], rotations: 1, healed: true })
      },
      60_000,
    )
  }

  test('our own server: 20 processes refresh once, and what a killed one lost is repeated to the next', async () => {
    const server = await startBinaryServer()
    const folder = temporaryFolder()
    const file = join(folder, '.fob', 'credentials')
    try {
      await binaryLogin(server.url, { home: folder })
      const before = JSON.parse(readFileSync(file, 'utf8'))
      before.servers[server.url].expiresAt = new Date(Date.now() - 1000).toISOString()
      writeFileSync(file, JSON.stringify(before))
      const all = await Promise.all(
        Array.from({ length: 20 }, () => fob(['auth', 'token'], { home: folder })),
      )
      expect(new Set(all.map(({ code, out, err }) => `${code} ${out} ${err}`)).size).toBe(1)
      const tokenRequests = () => server.running.out().match(/"path":"\/oauth\/token"/g)?.length ?? 0
      const once = tokenRequests() + (server.running.err().match(/"path":"\/oauth\/token"/g)?.length ?? 0)
      // The login itself is one.
      expect(once).toBe(2)
      // As if the one that refreshed had been killed before it could save.
      writeFileSync(file, JSON.stringify(before))
      const healed = await fob(['auth', 'token'], { home: folder })
      expect([healed.code, healed.out]).toEqual([0, all[0]?.out ?? ''])
    } finally {
      await server.stop()
    }
  }, 60_000)

  test('R11: a token that the server calls invalid before its time is renewed, and the call made again', async () => {
    const server = await startBinaryServer()
    const folder = temporaryFolder()
    const file = join(folder, '.fob', 'credentials')
    try {
      await binaryLogin(server.url, { home: folder })
      const document = JSON.parse(readFileSync(file, 'utf8'))
      document.servers[server.url].token = 'not.a.token'
      writeFileSync(file, JSON.stringify(document))
      const { code, out, err } = await fob(['runs', 'list', '-o', 'json'], { home: folder })
      expect({ code, out, err }).toEqual({ code: 0, out: '[]\n', err: '' })
      expect(JSON.parse(readFileSync(file, 'utf8')).servers[server.url].token).not.toBe('not.a.token')
    } finally {
      await server.stop()
    }
  }, 60_000)

  test('S227, S228: our own server lists the tenant that the caller belongs to', async () => {
    const server = await startBinaryServer()
    const folder = temporaryFolder()
    try {
      await binaryLogin(server.url, { home: folder })
      const { out } = await fob(['tenants', 'list', '-o', 'json'], { home: folder })
      expect(JSON.parse(out)).toMatchObject([
        { slug: 'default', name: 'Default', role: 'admin', current: true },
      ])
      expect((await fob(['tenants', 'use', 'default'], { home: folder })).code).toBe(0)
      const foreign = await fob(['runs', 'list', '-t', 'foreign'], { home: folder })
      expect([foreign.code, foreign.err.includes('yours are: default')]).toEqual([5, true])
    } finally {
      await server.stop()
    }
  }, 60_000)

  test('a home that may only be read loses no login: nothing is sent that could not be saved', async () => {
    const server = startRotatingServer({ grace: false })
    const folder = temporaryFolder()
    const home = join(folder, '.fob')
    server.expiredLogin(home)
    // The lock cannot be made where a folder has its name; root would not be stopped by a mode.
    const name = new Bun.CryptoHasher('sha256').update(`${server.url}#u1`).digest('hex').slice(0, 16)
    mkdirSync(join(home, `.credentials.${name}.lock`))
    const { code } = await fob(['auth', 'token'], { home: folder })
    expect([code, server.requests()]).toEqual([2, 0])
    await server.stop()
  })
})

test('a server that was killed and started anew repeats the answer of a moment ago, to the same client alone', async () => {
  const server = await startBinaryServer()
  const { refresh_token: token } = await logIn(server.url, ADA)
  const ask = async (more: Record<string, string> = {}) => {
    const form = { refresh_token: token, client_id: 'fob-cli', grant_type: 'refresh_token', ...more }
    const answer = await fetch(`${server.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
    })
    return { status: answer.status, text: await answer.text() }
  }
  const first = await ask()
  expect(first.status).toBe(200)
  server.running.child.kill('SIGKILL')
  await server.running.ended
  const anew = start(['server', '--config', server.settingsFile])
  await anew.saw('"listening"')
  expect((await ask({ client_id: 'fob-api' })).status).toBe(400)
  expect(await ask()).toEqual(first)
  const { access_token: access } = JSON.parse(first.text) as { access_token: string }
  const headers = { authorization: `Bearer ${access}` }
  expect((await fetch(`${server.url}/api/v1/profile`, { headers })).status).toBe(200)
  await fetch(`${server.url}/api/auth/logout`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: '{}',
  })
  expect((await ask()).text).toContain('invalid_grant')
  anew.child.kill('SIGINT')
  await anew.ended
})

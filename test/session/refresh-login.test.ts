/** Renewal of a stored login: when it is due, one request for all processes, and refusals. */
import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../src/contract/fault.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/redact/secret.ts'
import { freshCredential, renewCredential, stateOf } from '../../src/session/refresh-login.ts'
import { openSession } from '../../src/session/session.ts'
import { openStore } from '../../src/store/open-store.ts'
import { type Credential, type StoredCredential } from '../../src/store/store-interface.ts'
import { memoryKeychain } from '../support/client/memory-keychain.ts'
import { startOAuthServer } from '../support/servers/oauth-server.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** A server, and a store with a login to it that ends in `lastsMs`. */
async function loggedIn(lastsMs: number, preferFile = false) {
  const server = startOAuthServer()
  const memory = memoryKeychain()
  const home = join(temporaryFolder(), '.fob')
  const store = openStore({
    home,
    env: {},
    authConfig: undefined,
    clock: systemClock,
    keychain: () => memory.keychain,
  })
  const credential: Credential = {
    server: server.url,
    kind: 'oauth',
    token: new Secret('old-access'),
    refreshToken: new Secret(server.mintRefreshToken()),
    expiresAt: Date.now() + lastsMs,
    scopes: ['runs:read'],
    tenant: 'acme',
    user: { id: 'u1', name: 'Ada' },
    oauth: { issuer: server.url, clientId: 'fob-cli', tokenEndpoint: `${server.url}/oauth/token` },
  }
  await store.save(credential, { preferFile })
  const used: StoredCredential = { ...credential, account: 'u1' }
  const warnings: string[] = []
  const signal = new AbortController().signal
  const context = {
    store,
    env: {},
    clock: systemClock,
    fetch,
    signal,
    warn: (line: string) => void warnings.push(line),
  }
  return {
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    server,
    store,
    credential,
    used,
    home,
    context,
    warnings,
    ...memory,
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  return error instanceof Fault ? error.code : String(error)
}

describe('a disk without room', () => {
  test('room for the new credential is reserved before the refresh token is sent', async () => {
    await using world = await loggedIn(1000, true)
    const { store, server, used, context, home } = world
    const room = store.reserve(used.server, used.account)
    room.release()
    mkdirSync(room.path)
    expect(await codeOf(renewCredential(used, context))).toBe('config')
    expect(server.seen.token).toEqual([])
    // A token that has not ended is good while it cannot be renewed.
    expect((await freshCredential(server.url, context))?.token.reveal()).toBe('old-access')
    expect((await store.read(server.url))?.refreshToken?.reveal()).toBe(used.refreshToken?.reveal() ?? '')
    expect(existsSync(room.path)).toBe(true)
    expect(readdirSync(home).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  test('what was reserved is used or given back', async () => {
    await using world = await loggedIn(1000, true)
    await renewCredential(world.used, world.context)
    expect(readdirSync(world.home).filter((name) => name.endsWith('.room'))).toEqual([])
    world.server.forgetRefreshTokens()
    const again = await world.store.read(world.server.url)
    if (again === undefined) throw new Error('nothing is stored')
    expect(await codeOf(renewCredential(again, world.context))).toBe('credentials_expired')
    expect(readdirSync(world.home).filter((name) => name.endsWith('.room'))).toEqual([])
  })
})

describe('stateOf', () => {
  test.each([
    [undefined, true, 'valid'],
    [30_001, false, 'valid'],
    [30_000, true, 'renewable'],
    [30_000, false, 'expired'],
    [-1, true, 'renewable'],
    [-1, false, 'expired'],
  ] as const)('S241: a login that ends in %p ms, renewable %p, is %s', (lasts, renewable, state) => {
    const login = { renewable, ...(lasts === undefined ? {} : { expiresAt: 1000 + lasts }) }
    expect(stateOf(login, 1000)).toBe(state)
  })
})

describe('refreshing', () => {
  test('R11: what is valid for more than 30 seconds is used as it is', async () => {
    await using world = await loggedIn(60_000)
    const { server, context } = world
    expect((await freshCredential(server.url, context))?.token.reveal()).toBe('old-access')
    expect(server.requests).toEqual([])
  })

  test.each([
    ['keychain', false],
    ['file', true],
  ] as const)('a renewed credential stays where it was: %s', async (storage, preferFile) => {
    await using world = await loggedIn(10_000, preferFile)
    const { server, store, context, state, warnings } = world
    const callsBefore = state.calls
    const renewed = await freshCredential(server.url, context)
    expect(server.requests).toEqual(['POST /oauth/token'])
    expect((await store.list())[0]).toMatchObject({
      storage,
      tenant: 'acme',
      user: { name: 'Ada' },
      renewable: true,
    })
    if (storage === 'file') expect(state.calls).toBe(callsBefore)
    expect((await store.read(server.url))?.token.reveal()).toBe(renewed?.token.reveal() ?? '')
    expect(warnings).toEqual([])
  })

  test('what another process has renewed meanwhile is taken, and nothing is sent', async () => {
    await using world = await loggedIn(10_000)
    const { server, store, credential, used, context } = world
    await store.save({ ...credential, token: new Secret('newer') })
    expect((await renewCredential(used, context)).token.reveal()).toBe('newer')
    expect(server.requests).toEqual([])
  })

  test('a refused token whose successor was saved meanwhile is no loss, and ends nothing', async () => {
    await using world = await loggedIn(10_000)
    const { server, store, credential, used, context } = world
    const racing = async (url: string, init?: RequestInit) => {
      await fetch(url, init)
      await store.save({ ...credential, token: new Secret('newer'), refreshToken: new Secret('next') })
      return fetch(url, init)
    }
    expect((await renewCredential(used, { ...context, fetch: racing })).token.reveal()).toBe('newer')
    expect(server.requests).toHaveLength(2)
    expect((await store.read(server.url))?.token.reveal()).toBe('newer')
  })

  test('R11: invalid_grant for the refresh token that is stored deletes it; who it was, and where, stays known', async () => {
    await using world = await loggedIn(10_000)
    const { server, store, credential, context, entries } = world
    await store.save({ ...credential, refreshToken: new Secret('canary-unknown') })
    expect(await codeOf(freshCredential(server.url, context))).toBe('credentials_expired')
    expect(entries.size).toBe(0)
    expect(readFileSync(store.path, 'utf8')).not.toContain('canary')
    expect(await store.list()).toMatchObject([{ server: server.url, ended: true, user: { name: 'Ada' } }])
    // Nothing is asked a second time with what was refused for good.
    expect(await codeOf(freshCredential(server.url, context))).toBe('credentials_expired')
    expect(server.requests).toEqual(['POST /oauth/token'])
    await store.save(credential)
    expect((await store.list())[0]?.ended).toBeUndefined()
  })

  test.each([
    ['invalid_client', 'credentials_expired'],
    ['server_error', 'server_error'],
    ['slow_down', 'server_error'],
  ])('only invalid_grant deletes the secrets of a login: %s keeps them', async (error, code) => {
    await using world = await loggedIn(-1)
    const { server, store, context } = world
    const refusing = async () => Response.json({ error }, { status: 400 })
    expect(await codeOf(freshCredential(server.url, { ...context, fetch: refusing }))).toBe(code)
    expect((await store.read(server.url))?.token.reveal()).toBe('old-access')
  })

  test('a login made while the old one is renewed is not overwritten', async () => {
    await using world = await loggedIn(10_000)
    const { server, store, credential, used, context } = world
    const racing = async (url: string, init?: RequestInit) => {
      await store.save({ ...credential, token: new Secret('login'), refreshToken: new Secret('of-login') })
      return fetch(url, init)
    }
    expect((await renewCredential(used, { ...context, fetch: racing })).token.reveal()).toBe('login')
    expect((await store.read(server.url))?.refreshToken?.reveal()).toBe('of-login')
  })

  test('another account that was chosen meanwhile stays chosen', async () => {
    await using world = await loggedIn(10_000)
    const { server, store, credential, used, context } = world
    await store.save({ ...credential, user: { id: 'u2' }, token: new Secret('other') })
    await renewCredential(used, context)
    expect((await store.list()).map(({ account, current }) => [account, current])).toEqual([
      ['u2', true],
      ['u1', false],
    ])
    expect((await store.read(server.url))?.token.reveal()).toBe('other')
  })

  test('20 stores on one file refresh once: all get the new token', async () => {
    await using world = await loggedIn(-1)
    const { server, context, home, keychain } = world
    const fresh = await Promise.all(
      Array.from({ length: 20 }, () =>
        freshCredential(server.url, {
          ...context,
          store: openStore({
            home,
            env: {},
            authConfig: undefined,
            clock: systemClock,
            keychain: () => keychain,
          }),
        }),
      ),
    )
    expect(new Set(fresh.map((credential) => credential?.token.reveal())).size).toBe(1)
    expect(server.requests).toEqual(['POST /oauth/token'])
  })

  test("Ctrl-C between the server's answer and the save loses nothing", async () => {
    await using world = await loggedIn(-1)
    const { server, store, used, context } = world
    const abort = new AbortController()
    const late = async (url: string, init?: RequestInit) => {
      const answer = await fetch(url, init)
      abort.abort(new Fault('interrupted', 'interrupted'))
      return answer
    }
    const work = renewCredential(used, { ...context, fetch: late, signal: abort.signal })
    expect(await codeOf(work)).toBe('interrupted')
    const stored = await store.read(server.url)
    expect(stored?.token.reveal()).not.toBe('old-access')
    expect(server.valid.has(stored?.token.reveal() ?? '')).toBe(true)
  })

  test('what has not changed is not written again: the keychain sleeps, and so does the file', async () => {
    await using world = await loggedIn(-1)
    const { server, store, used, context, state } = world
    const body = { access_token: 'old-access', token_type: 'bearer', expires_in: 3600 }
    const same = async () => Response.json(body)
    const still = { ...context, fetch: same, clock: { ...systemClock, now: () => 1_900_000_000_000 } }
    await renewCredential(used, still)
    const [file, calls] = [statSync(store.path), state.calls]
    await renewCredential(used, still)
    expect(statSync(store.path).ino).toBe(file.ino)
    // One to see what is stored, one to see that it is still the same; none to write.
    expect(state.calls - calls).toBe(2)
    expect(server.requests).toEqual([])
  })

  test('a login that was ended meanwhile is not brought back', async () => {
    await using world = await loggedIn(10_000)
    const { server, store, used, context } = world
    await store.remove(server.url)
    expect(await codeOf(renewCredential(used, context))).toBe('credentials_expired')
    expect(await store.list()).toEqual([])
  })

  test.each([
    ['its last seconds are used', 10_000, 'Error: nothing thrown'],
    ['what has ended is unreachable', -1, 'unreachable'],
  ])('when the server is away, %s', async (_, lasts, code) => {
    await using world = await loggedIn(lasts)
    const { server, store, context } = world
    await server.stop()
    const work = freshCredential(server.url, context).then(() => {
      throw new Error('nothing thrown')
    })
    expect(await codeOf(work)).toBe(code)
    expect((await store.read(server.url))?.token.reveal()).toBe('old-access')
  })

  test('S199: a keychain that no longer takes it: the file does, with one warning', async () => {
    await using world = await loggedIn(10_000)
    const { server, store, context, keychain, warnings } = world
    keychain.set = async () => ({ ok: false, reason: 'locked' })
    await freshCredential(server.url, context)
    expect((await store.list())[0]?.storage).toBe('file')
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('it is locked')
  })

  test('calls side by side in one process share one refresh', async () => {
    await using world = await loggedIn(10_000)
    const { server, context } = world
    const flags = { server: server.url, tenant: undefined, authToken: undefined, jwtToken: undefined }
    const session = await openSession({ ...context, flags, env: {}, settings: {} })
    const headers = await Promise.all(Array.from({ length: 20 }, () => session.authorization()))
    expect(new Set(headers.map((header) => header?.reveal())).size).toBe(1)
    expect(server.requests).toEqual(['POST /oauth/token'])
    expect(session.tenant).toBe('acme')
  })
})

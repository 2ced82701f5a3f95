import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Fault } from '../../src/contract/fault.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/redact/secret.ts'
import { freshCredential, renewCredential, stateOf } from '../../src/session/refresh.ts'
import { openSession } from '../../src/session/session.ts'
import { openStore } from '../../src/store/open.ts'
import type { Credential } from '../../src/store/store.ts'
import { memoryKeychain } from '../support/memory-keychain.ts'
import { startOAuthServer, type TestOAuthServer } from '../support/oauth-server.ts'
import { temporaryFolder } from '../support/temporary.ts'

const servers: TestOAuthServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

/** A server, and a store with a login to it that ends in `lastsMs`. */
async function loggedIn(lastsMs: number, preferFile = false) {
  const server = startOAuthServer()
  servers.push(server)
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
    user: { name: 'Ada' },
    oauth: { issuer: server.url, clientId: 'fob-cli', tokenEndpoint: `${server.url}/oauth/token` },
  }
  await store.save(credential, { preferFile })
  const warnings: string[] = []
  const signal = new AbortController().signal
  const context = {
    store,
    clock: systemClock,
    fetch,
    signal,
    warn: (line: string) => void warnings.push(line),
  }
  return { server, store, credential, context, warnings, ...memory }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  return error instanceof Fault ? error.code : String(error)
}

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
    const { server, context } = await loggedIn(60_000)
    expect((await freshCredential(server.url, context))?.token.reveal()).toBe('old-access')
    expect(server.requests).toEqual([])
  })

  test.each([
    ['keychain', false],
    ['file', true],
  ] as const)('a renewed credential stays where it was: %s', async (place, preferFile) => {
    const { server, store, context, state, warnings } = await loggedIn(10_000, preferFile)
    const callsBefore = state.calls
    const renewed = await freshCredential(server.url, context)
    expect(server.requests).toEqual(['POST /oauth/token'])
    expect((await store.list())[0]).toMatchObject({
      place,
      tenant: 'acme',
      user: { name: 'Ada' },
      renewable: true,
    })
    if (place === 'file') expect(state.calls).toBe(callsBefore)
    expect((await store.read(server.url))?.token.reveal()).toBe(renewed?.token.reveal() ?? '')
    expect(warnings).toEqual([])
  })

  test('what another process has renewed meanwhile is taken, and nothing is sent', async () => {
    const { server, store, credential, context } = await loggedIn(10_000)
    await store.save({ ...credential, token: new Secret('newer') })
    expect((await renewCredential(credential, context)).token.reveal()).toBe('newer')
    expect(server.requests).toEqual([])
  })

  test('a refused token whose successor was saved meanwhile is no loss', async () => {
    const { server, store, credential, context } = await loggedIn(10_000)
    const racing = Object.assign(
      async (url: string, init: RequestInit) => {
        await fetch(url, init)
        await store.save({ ...credential, token: new Secret('newer'), refreshToken: new Secret('next') })
        return fetch(url, init)
      },
      { preconnect: fetch.preconnect },
    ) as typeof fetch
    expect((await renewCredential(credential, { ...context, fetch: racing })).token.reveal()).toBe('newer')
    expect(server.requests).toHaveLength(2)
  })

  test('R11: a refused one is credentials_expired, and the login stays known', async () => {
    const { server, store, credential, context } = await loggedIn(10_000)
    await store.save({ ...credential, refreshToken: new Secret('unknown') })
    expect(await codeOf(freshCredential(server.url, context))).toBe('credentials_expired')
    expect(await store.list()).toHaveLength(1)
  })

  test('a login that was ended meanwhile is not brought back', async () => {
    const { server, store, credential, context } = await loggedIn(10_000)
    await store.remove(server.url)
    expect(await codeOf(renewCredential(credential, context))).toBe('credentials_expired')
    expect(await store.list()).toEqual([])
  })

  test.each([
    ['its last seconds are used', 10_000, 'Error: nothing thrown'],
    ['what has ended is unreachable', -1, 'unreachable'],
  ])('when the server is away, %s', async (_, lasts, code) => {
    const { server, store, context } = await loggedIn(lasts)
    await server.stop()
    const work = freshCredential(server.url, context).then(() => {
      throw new Error('nothing thrown')
    })
    expect(await codeOf(work)).toBe(code)
    expect((await store.read(server.url))?.token.reveal()).toBe('old-access')
  })

  test('S199: a keychain that no longer takes it: the file does, with one warning', async () => {
    const { server, store, context, keychain, warnings } = await loggedIn(10_000)
    keychain.set = async () => ({ ok: false, reason: 'locked' })
    await freshCredential(server.url, context)
    expect((await store.list())[0]?.place).toBe('file')
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('it is locked')
  })

  test('calls side by side in one process share one refresh', async () => {
    const { server, context } = await loggedIn(10_000)
    const flags = { server: server.url, tenant: undefined, authToken: undefined, jwtToken: undefined }
    const session = await openSession({ ...context, flags, env: {}, settings: {} })
    const headers = await Promise.all(Array.from({ length: 20 }, () => session.authorization()))
    expect(new Set(headers.map((header) => header?.reveal())).size).toBe(1)
    expect(server.requests).toEqual(['POST /oauth/token'])
    expect(session.tenant).toBe('acme')
  })
})

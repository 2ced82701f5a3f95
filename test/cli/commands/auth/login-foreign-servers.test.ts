/** `fob auth login` at stand-ins that respond as OAuth servers of other makers were seen to. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { pasteFlow } from '../../../../src/flows/paste-login.ts'
import { discoverProvider } from '../../../../src/flows/server-discovery.ts'
import { flowContext, typedLines } from '../../../support/client/flow-context.ts'
import { machine } from '../../../support/client/client-machine.ts'
import {
  foreignName,
  type ForeignQuirks,
  startForeignServer,
} from '../../../support/stand-ins/foreign-oauth-server.ts'
import { startOAuthServer } from '../../../support/servers/oauth-server.ts'

const CLIENT = ['--client-id', 'other-client']

/** A whole login, and what was said and stored. */
async function login(quirks: Partial<ForeignQuirks>, flags: readonly string[] = []) {
  const server = await startForeignServer(quirks)
  const { run, file } = machine()
  const slept: number[] = []
  const hurry = { sleep: async (ms: number) => void slept.push(ms) }
  const argv = ['auth', 'login', '-s', server.url, ...CLIENT, ...flags]
  const ended = await run(argv, flags.includes('--device') ? hurry : {})
  const stored = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).servers[server.url] : undefined
  return { ...ended, server, run, file, slept, stored, [Symbol.asyncDispose]: () => server.stop() }
}

describe('discovery', () => {
  test('a redirect of the metadata to the same path with a slash is followed (django-oauth-toolkit)', async () => {
    await using world = await login({ metadata: 'slash' })
    expect([world.code, world.err.includes(`as ${foreignName}\n`)]).toEqual([0, true])
    expect(world.server.requests).toContain('GET /.well-known/openid-configuration/')
  })

  test('a redirect of the metadata to another origin is refused, and the origin is named', async () => {
    await using world = await login({ metadata: 'elsewhere' })
    const { code, err, server } = world
    expect(code).toBe(2)
    expect(err).toContain(`fob: ${server.url} redirects its OAuth metadata to https://id.example\n`)
    expect(err).toContain('hint: if that is the server to log in to, name it: -s https://id.example')
    expect(server.seen.authorize).toEqual([])
  })

  test('redirects of the metadata in a circle end the login', async () => {
    await using world = await login({ metadata: 'circle' })
    expect([world.code, world.err.includes('redirects its OAuth metadata in a circle')]).toEqual([7, true])
    expect(world.server.requests.length).toBeLessThan(12)
  })
})

const page = (status: number) => () =>
  new Response('<h1>?</h1>', { status, headers: { 'content-type': 'text/html' } })

const refusedInJson = () => Response.json({ error: 'Unauthorized' }, { status: 401 })
const lacksScope = () => Response.json({ error: 'insufficient_scope' }, { status: 403 })

describe('a server whose profile call says nothing useful is asked at its UserInfo endpoint', () => {
  test.each<[string, () => Response]>([
    ['401 to every path that it does not know (LemonLDAP::NG)', page(401)],
    ['403', page(403)],
    ['404', page(404)],
    ['405', page(405)],
    ['501', page(501)],
    ['a page', page(200)],
    ['what is not JSON', () => new Response('hello', { headers: { 'content-type': 'text/plain' } })],
    ['JSON that names nobody', () => Response.json({ status: 'ok' })],
    ['a redirect to a portal', () => Response.redirect('https://portal.example/login', 302)],
  ])('%s', async (_, unknown) => {
    await using world = await login({ unknown })
    const { code, err, run, server } = world
    expect([code, err.includes(`Logged in to ${server.url} as ${foreignName}\n`)]).toEqual([0, true])
    const check = await run(['auth', 'status', '--check', '-o', 'json'])
    expect([check.code, JSON.parse(check.out)[0].check]).toEqual([0, 'accepted'])
    server.revokeAll()
    const later = await run(['auth', 'status', '--check', '-o', 'json'])
    expect(JSON.parse(later.out)[0].check).not.toBe('accepted')
  })

  test('where both refuse, the credential is bad and nothing is stored', async () => {
    await using world = await login({ unknown: page(401), userinfo: 'refused' })
    expect([world.code, world.stored]).toEqual([4, undefined])
    expect(world.err).toContain('does not accept this credential')
  })

  test('a UserInfo endpoint that wants another scope does not make a fresh login bad', async () => {
    await using world = await login({ unknown: page(401), userinfo: 'forbidden' })
    expect([world.code, world.stored?.kind]).toEqual([0, 'oauth'])
  })

  test('a profile call that refuses a scope says how to ask for it, where there is no UserInfo (Authlib)', async () => {
    await using world = await login({ unknown: lacksScope, userinfo: null })
    expect([world.code, world.stored]).toEqual([5, undefined])
    expect(world.err).toContain('--scope')
  })

  test("the refusal of a tenant by fob's own server counts, although it has a UserInfo endpoint", async () => {
    await using server = startOAuthServer({ userinfo: { sub: 'u1' } })
    server.valid.has = () => false
    const { run, file } = machine()
    expect((await run(['auth', 'login', '-s', server.url])).code).toBe(4)
    expect([existsSync(file), server.requests.includes('GET /oauth/userinfo')]).toEqual([false, false])
  })
})

describe('who it is', () => {
  test('UserInfo that is a JWT with the signature of the server gives the name', async () => {
    await using world = await login({ userinfo: 'jwt' })
    expect([world.code, world.err.includes(`as ${foreignName}\n`)]).toEqual([0, true])
    const check = await world.run(['auth', 'status', '--check', '-o', 'json'])
    expect(JSON.parse(check.out)[0].check).toBe('accepted')
  })

  test.each(['jwt-foreign-key', 'jwt-foreign-audience'] as const)(
    'UserInfo that is a JWT of another key or for another client is not used (%s)',
    async (userinfo) => {
      await using world = await login({ userinfo })
      expect([world.code, world.err.includes(foreignName)]).toEqual([0, false])
    },
  )

  test('a person known by `sub` alone is shown by it', async () => {
    await using world = await login({ claims: { sub: 'a3f9' } })
    expect([world.code, world.err.includes(`Logged in to ${world.server.url} as a3f9\n`)]).toEqual([0, true])
    const who = await world.run(['whoami', '-o', 'table'])
    expect(who.out).toContain('a3f9')
    expect((await world.run(['auth', 'status', '-o', 'table'])).out).toContain('a3f9')
  })

  test.each(['Acme Corp', '../admin', 'a\r\nx-evil: 1', 'x'.repeat(200)])(
    'a tenant from a server that is not a slug is refused before anything is stored (%j)',
    async (tenant) => {
      const profile = { id: 1, name: foreignName, tenant }
      await using world = await login({ unknown: () => Response.json(profile) })
      expect([world.code, world.stored]).toEqual([7, undefined])
      expect(world.err).toContain('names a tenant that is not a slug')
    },
  )
})

describe('nonce', () => {
  const scope = ['--scope', 'openid']
  const strict = { sub: 'user-1' }

  test('scope `openid` is always sent with a nonce, as Glewlwyd wants it', async () => {
    await using world = await login({ nonce: 'required', idToken: strict }, scope)
    expect([world.code, world.err.includes(`as ${foreignName}\n`)]).toEqual([0, true])
    expect(world.server.seen.authorize[0]?.get('nonce')?.length).toBeGreaterThan(20)
  })

  test('so is that of a pasted login', async () => {
    await using server = await startForeignServer({ nonce: 'required', idToken: strict })
    const { lines, type } = typedLines()
    const context = flowContext(() => {}, { ui: { lines } })
    const provider = await discoverProvider(server.url, context)
    const request = { provider, clientId: 'other-client', scopes: ['openid'] }
    const obtained = pasteFlow({ outOfBand: false })(request, context)
    const address = (await context.heard(/^ +http/)).trim()
    type((await fetch(address, { redirect: 'manual' })).headers.get('location') ?? '')
    expect((await obtained).identity?.subject).toBe('user-1')
  })

  test('without scope `openid` there is none', async () => {
    await using world = await login({ extraMetadata: { scopes_supported: ['profile'] } })
    expect([world.code, world.server.seen.authorize[0]?.has('nonce')]).toEqual([0, false])
  })

  test.each<[string, Partial<ForeignQuirks>]>([
    ['another one, checked by the metadata', { nonce: 'changed', idToken: strict }],
    ['none, checked by the metadata', { nonce: 'omitted', idToken: strict }],
    ['another one, without metadata', { nonce: 'changed', idToken: strict, metadata: 'none' }],
  ])('an ID token with %s, is not of this login: nothing is stored', async (_, quirks) => {
    await using world = await login(quirks, scope)
    expect([world.code, world.stored]).toEqual([7, undefined])
  })

  test('a server that takes scope `openid` and issues no ID token is logged in to all the same', async () => {
    const extraMetadata = { id_token_signing_alg_values_supported: ['ES256'] }
    await using world = await login({ extraMetadata }, scope)
    expect([world.code, world.err.includes(`as ${foreignName}\n`)]).toEqual([0, true])
  })
})

describe('pushed authorization requests (RFC 9126)', () => {
  test('are used where the server requires them, and the address holds nothing else', async () => {
    await using world = await login({ pushed: 'server' })
    const { code, server } = world
    const parameters = [...(server.seen.authorize[0]?.keys() ?? [])]
    expect([code, parameters.toSorted()]).toEqual([0, ['client_id', 'request_uri']])
    expect(server.seen.pushed[0]?.get('code_challenge_method')).toBe('S256')
  })

  test('a client of whom alone they are required sends them once it is refused, or at once with --par', async () => {
    await using without = await login({ pushed: 'client' })
    expect([without.code, without.server.seen.pushed.length]).toEqual([0, 1])
    expect(without.err).toContain('Once more, with a request that is pushed first (RFC 9126):')
    await using world = await login({ pushed: 'client' }, ['--par'])
    expect([world.code, world.server.seen.pushed.length]).toEqual([0, 1])
  })

  test('--par at a server without such an endpoint says so', async () => {
    await using world = await login({}, ['--par'])
    expect([world.code, world.err.includes('does not take pushed authorization requests')]).toEqual([2, true])
  })
})

describe('key-bound tokens (RFC 9449, DPoP)', () => {
  const cases: [string, Partial<ForeignQuirks>, string[]][] = ['invalid_dpop_proof', 'invalid_grant'].flatMap(
    (error) =>
      [true, false].flatMap((nonces): [string, Partial<ForeignQuirks>, string[]][] => [
        [`refused with ${error}, nonces ${nonces}`, { dpop: { error, nonces } }, []],
        [`asked for, nonces ${nonces}`, { dpop: { error, nonces } }, ['--dpop']],
      ]),
  )
  test.each(cases)('the whole life of a login: %s', async (_, quirks, flags) => {
    await using world = await login({ ...quirks, userinfo: 'jwt' }, flags)
    const { code, err, run, server, stored } = world
    expect([code, err.includes(`as ${foreignName}\n`)]).toEqual([0, true])
    expect(stored.oauth.dpop).toBe(true)
    expect(JSON.parse(stored.dpopKey)).toMatchObject({ kty: 'EC', alg: 'ES256' })
    const before = await run(['auth', 'token'])
    expect(before.err).toContain('bound to a key of this login (DPoP)')
    expect((await run(['auth', 'refresh'])).code).toBe(0)
    const after = await run(['auth', 'token'])
    expect([after.code, after.out === before.out]).toEqual([0, false])
    expect(server.valid.get(after.out.trim())).toBe(server.valid.get(before.out.trim()) ?? 'bound')
    const check = await run(['auth', 'status', '--check', '-o', 'json'])
    expect(JSON.parse(check.out)[0].check).toBe('accepted')
    // A call of the API with the stored credential, which is accepted: 404 is said behind that.
    expect((await run(['tenants', 'list'])).code).toBe(6)
    expect(err + before.err).not.toContain('"d"')
  })

  test('a key stays out of what an ended login leaves', async () => {
    await using world = await login({ dpop: { error: 'invalid_grant', nonces: false } })
    world.server.revokeAll()
    expect((await world.run(['auth', 'refresh'])).code).toBe(4)
    expect(readFileSync(world.file, 'utf8')).not.toContain('dpopKey')
  })

  test('--dpop at a server that issues ordinary tokens stores nothing', async () => {
    await using world = await login({}, ['--dpop'])
    expect([world.code, world.stored]).toEqual([2, undefined])
    expect(world.err).toContain('issued a token that is not bound to a key')
  })

  test('a server that merely offers it is sent no proof', async () => {
    const extraMetadata = { dpop_signing_alg_values_supported: ['ES256'] }
    await using world = await login({ extraMetadata })
    expect([world.code, world.stored.oauth.dpop, world.stored.dpopKey]).toEqual([0, undefined, undefined])
  })

  test('by the device flow', async () => {
    const devicePath = '/x/device'
    const quirks = { dpop: { error: 'invalid_grant', nonces: true }, devicePath }
    await using world = await login(quirks, ['--device'])
    expect([world.code, world.stored.oauth.dpop]).toEqual([0, true])
  })
})

describe('the device flow by conventional paths', () => {
  test.each<[string, string, Partial<ForeignQuirks>]>([
    ['/oauth/device_authorization', '/oauth/device_authorization', {}],
    ["Passport's /oauth/device/code", '/oauth/device/code', {}],
    ['the same at a server that says 401 to unknown paths', '/oauth/device/code', { unknown: page(401) }],
    ['the same at a server that says so in JSON', '/oauth/device/code', { unknown: refusedInJson }],
    ['the same at a server with a page for unknown paths', '/oauth/device/code', { unknown: page(200) }],
  ])('%s, with a response without `interval`', async (_, devicePath, quirks) => {
    await using world = await login({ metadata: 'none', devicePath, ...quirks }, ['--device'])
    expect([world.code, world.err.includes('enter the code WDJB-MJHT')]).toEqual([0, true])
    expect(world.slept[0]).toBe(5000)
  })

  test('a server without either is said not to offer it', async () => {
    await using world = await login({ metadata: 'none' }, ['--device'])
    expect([world.code, world.err.includes('does not offer --device')]).toEqual([2, true])
  })
})

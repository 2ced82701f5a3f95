/** `fob auth login` at stand-ins that respond as OAuth servers of other makers were seen to. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
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
  const ended = await run(['auth', 'login', '-s', server.url, ...CLIENT, ...flags])
  const stored = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).servers[server.url] : undefined
  return { ...ended, server, run, stored, [Symbol.asyncDispose]: () => server.stop() }
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
    const unknown = () => Response.json({ error: 'insufficient_scope' }, { status: 403 })
    await using world = await login({ unknown, userinfo: null })
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

import { describe, expect, test } from 'bun:test'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Secret } from '../../src/redact/secret.ts'
import type { Credential, Place, Store } from '../../src/store/store.ts'

export const A = 'https://a.example.com'
const B = 'http://localhost:8080'

/** A credential whose secrets are easy to search for. */
export function credential(server: string, mark: string): Credential {
  return {
    server,
    kind: 'oauth',
    token: new Secret(`canary-access-${mark}`),
    refreshToken: new Secret(`canary-refresh-${mark}`),
    expiresAt: Date.parse('2030-01-02T03:04:05.678Z'),
    scopes: ['pipelines:read'],
    tenant: 'acme',
    user: { id: 'u1', name: 'Ada', email: 'ada@example.com' },
    oauth: { issuer: server, clientId: 'fob-cli', tokenEndpoint: `${server}/oauth/token` },
  }
}

/** What a credential is, with its secrets in the open, for comparison. */
function plain(c: Credential | undefined) {
  return c && { ...c, token: c.token.reveal(), refreshToken: c.refreshToken?.reveal() }
}

export const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

/** Every store does this, wherever its secrets rest. */
export function storeContract(name: string, place: Place, open: () => Store): void {
  describe(`the ${name} store`, () => {
    test('an empty one has nothing, and forgetting nothing is no error', async () => {
      const store = open()
      expect(await store.list()).toEqual([])
      expect(await store.read(A)).toBeUndefined()
      expect(await store.remove(A)).toEqual({ found: false })
    })

    test('S238: what is saved is read back: tokens, name, e-mail, tenant, expiry', async () => {
      const store = open()
      expect((await store.save(credential(A, '1'))).place).toBe(place)
      expect(plain(await store.read(A))).toEqual(plain(credential(A, '1')))
    })

    test('the list has everything but the secrets', async () => {
      const store = open()
      await store.save(credential(A, '1'))
      const list = await store.list()
      expect(list).toMatchObject([
        { server: A, place, renewable: true, tenant: 'acme', user: { name: 'Ada' } },
      ])
      expect(Bun.inspect(list)).not.toContain('canary')
    })

    test('S43, S229: servers stand side by side, S234: and are forgotten one by one', async () => {
      const store = open()
      await store.save(credential(A, 'a'))
      await store.save(credential(B, 'b'))
      expect((await store.read(A))?.token.reveal()).toBe('canary-access-a')
      expect((await store.read(B))?.token.reveal()).toBe('canary-access-b')
      expect((await store.remove(A)).found).toBe(true)
      expect(await store.read(A)).toBeUndefined()
      expect((await store.read(B))?.token.reveal()).toBe('canary-access-b')
    })

    test('a login replaces the older one whole', async () => {
      const store = open()
      await store.save(credential(A, 'old'))
      await store.save({ server: A, kind: 'token', token: new Secret('canary-new'), scopes: [] })
      expect(plain(await store.read(A))).toEqual({
        server: A,
        kind: 'token',
        token: 'canary-new',
        refreshToken: undefined,
        scopes: [],
      })
      expect(readFileSync(store.path, 'utf8')).not.toContain('old')
    })

    test('S44, S199: the file has mode 0600', async () => {
      const store = open()
      await store.save(credential(A, '1'))
      expect(modeOf(store.path)).toBe('600')
    })

    test('fields that we do not know survive a login, a logout and another login', async () => {
      const store = open()
      await store.save(credential(A, '1'))
      const document = JSON.parse(readFileSync(store.path, 'utf8'))
      document.future = { x: 1 }
      document.servers[A].colour = 'blue'
      writeFileSync(store.path, JSON.stringify(document))
      await store.save(credential(A, '2'))
      await store.save(credential(B, '3'))
      await store.remove(B)
      const after = JSON.parse(readFileSync(store.path, 'utf8'))
      expect([after.future, after.servers[A].colour]).toEqual([{ x: 1 }, 'blue'])
    })

    test.each([
      ['no JSON', '{"servers": canary'],
      ['another shape', '{"servers": ["canary"]}'],
      ['a token that is no text', `{"servers":{"${A}":{"token":["canary"]}}}`],
      ['a date that is none', `{"servers":{"${A}":{"token":"canary","expiresAt":"soon"}}}`],
    ])(
      'a damaged file (%s) is an error that names it, shows nothing of it and leaves it alone',
      async (_, text) => {
        const store = open()
        await store.save(credential(A, '1'))
        writeFileSync(store.path, text)
        for (const attempt of [
          () => store.list(),
          () => store.read(A),
          () => store.save(credential(A, '2')),
          () => store.remove(A),
        ]) {
          const error: unknown = await attempt().catch((e: unknown) => e)
          expect(error).toMatchObject({ code: 'config' })
          expect(String(error)).toContain(store.path)
          expect(Bun.inspect(error)).not.toContain('canary')
        }
        expect(readFileSync(store.path, 'utf8')).toBe(text)
      },
    )

    test('an empty file is as good as none', async () => {
      const store = open()
      await store.save(credential(A, '1'))
      writeFileSync(store.path, '')
      expect(await store.list()).toEqual([])
      await store.save(credential(A, '2'))
      expect(await store.list()).toHaveLength(1)
    })

    test('changes side by side are all kept, and no temporary file is left', async () => {
      const store = open()
      const servers = Array.from({ length: 8 }, (_, i) => `https://s${i}.example.com`)
      await Promise.all(servers.map((server, i) => store.save(credential(server, String(i)))))
      const servedBy = (await store.list()).map((l) => l.server)
      expect(servedBy.toSorted()).toEqual(servers)
      const names = await Array.fromAsync(new Bun.Glob('*').scan({ cwd: dirname(store.path), dot: true }))
      expect(names.toSorted()).toEqual(['credentials', 'credentials.lock'])
    })
  })
}

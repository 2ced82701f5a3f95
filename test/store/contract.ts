/** The contract of credential stores: tests that the file store and the keychain store must pass. */
import { describe, expect, test } from 'bun:test'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Secret } from '../../src/redact/secret.ts'
import type { Credential, StorageKind, Store } from '../../src/store/store-interface.ts'

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

/** A token of 6 KB, in letters that must not be cut apart. */
function longSecret(mark: string): Secret {
  return new Secret(`${mark}${'é'.repeat(3000)}`)
}

/** The same of another user. */
function of(id: string, mark: string): Credential {
  return { ...credential(A, mark), user: { id } }
}

/** What a credential is, with its secrets in the open, for comparison. */
function plain(c: (Credential & { account?: string }) | undefined) {
  return c && { ...c, token: c.token.reveal(), refreshToken: c.refreshToken?.reveal() }
}

export const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

/** Every store does this, wherever its secrets rest. */
export function storeContract(name: string, storage: StorageKind, open: () => Store): void {
  describe(`the ${name} store`, () => {
    test('an empty one has nothing, and forgetting nothing is no error', async () => {
      const store = open()
      expect(await store.list()).toEqual([])
      expect(await store.read(A)).toBeUndefined()
      expect(await store.remove(A)).toEqual({ found: false })
    })

    test('S238: what is saved is read back: tokens, name, e-mail, tenant, expiry', async () => {
      const store = open()
      expect((await store.save(credential(A, '1'))).storage).toBe(storage)
      expect(plain(await store.read(A))).toEqual({
        account: 'u1',
        ...plain(credential(A, '1')),
      } as ReturnType<typeof plain>)
    })

    test('the key that tokens are bound to is stored with them, and gone with the next login', async () => {
      const store = open()
      const bound = credential(A, 'bound')
      await store.save({ ...bound, dpopKey: new Secret('{"kty":"EC","d":"canary-key"}') })
      expect((await store.read(A))?.dpopKey?.reveal()).toBe('{"kty":"EC","d":"canary-key"}')
      expect(Bun.inspect(await store.list())).not.toContain('canary')
      const inFile = readFileSync(store.path, 'utf8').includes('canary-key')
      expect(inFile).toBe(storage === 'file')
      await store.save(credential(A, 'plain'))
      expect((await store.read(A))?.dpopKey).toBeUndefined()
      expect(readFileSync(store.path, 'utf8')).not.toContain('canary-key')
    })

    test('the list has everything but the secrets', async () => {
      const store = open()
      await store.save(credential(A, '1'))
      const list = await store.list()
      expect(list).toMatchObject([
        { server: A, storage, renewable: true, tenant: 'acme', user: { name: 'Ada' } },
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
        account: 'default',
        server: A,
        kind: 'token',
        token: 'canary-new',
        refreshToken: undefined,
        scopes: [],
      })
      expect(readFileSync(store.path, 'utf8')).not.toContain('old')
    })

    describe('several accounts of one server', () => {
      const [ada, bob] = [credential(A, 'ada'), of('u2', 'bob')]
      const tokenOf = async (store: Store, account?: string) => (await store.read(A, account))?.token.reveal()

      test("another user's login stands beside the first and is the current one", async () => {
        const store = open()
        await store.save(ada)
        await store.save(bob)
        expect((await store.list()).map(({ account, current }) => [account, current])).toEqual([
          ['u2', true],
          ['u1', false],
        ])
        expect(await Promise.all([tokenOf(store), tokenOf(store, 'u1'), tokenOf(store, 'u3')])).toEqual([
          'canary-access-bob',
          'canary-access-ada',
          undefined,
        ])
      })

      test('S43: the current one is the plain entry that the documents know', async () => {
        const store = open()
        await store.save(ada)
        await store.save(bob)
        const entryOf = () => JSON.parse(readFileSync(store.path, 'utf8')).servers[A]
        expect(entryOf()).toMatchObject({ user: { id: 'u2' }, accounts: { u1: { user: { id: 'u1' } } } })
        expect(await store.select(A, 'u1')).toBe(true)
        expect(entryOf()).toMatchObject({ user: { id: 'u1' }, accounts: { u2: { user: { id: 'u2' } } } })
        expect(await tokenOf(store)).toBe('canary-access-ada')
        expect(await store.select(A, 'u3')).toBe(false)
      })

      test("the same user's next login replaces theirs alone, and makes it current", async () => {
        const store = open()
        await store.save(ada)
        await store.save(bob)
        await store.save(credential(A, 'again'))
        expect(await tokenOf(store)).toBe('canary-access-again')
        expect(await tokenOf(store, 'u2')).toBe('canary-access-bob')
        expect(readFileSync(store.path, 'utf8')).not.toContain('access-ada')
      })

      test('S233: a logout forgets the current one, and another one takes its place', async () => {
        const store = open()
        await store.save(ada)
        await store.save(bob)
        expect(await store.remove(A)).toMatchObject({ found: true, next: { account: 'u1', current: true } })
        expect(await tokenOf(store)).toBe('canary-access-ada')
        expect(await tokenOf(store, 'u2')).toBeUndefined()
        expect(await store.remove(A)).toEqual({ found: true })
        expect(await store.list()).toEqual([])
      })

      test('one that is not current is forgotten without a change to the current one', async () => {
        const store = open()
        await store.save(ada)
        await store.save(bob)
        expect(await store.remove(A, 'u1')).toEqual({ found: true })
        expect(await tokenOf(store)).toBe('canary-access-bob')
      })

      test('an account may be called like a part of every object', async () => {
        const store = open()
        for (const id of ['constructor', '__proto__', 'accounts']) await store.save(of(id, id))
        await store.select(A, 'constructor')
        expect((await store.list()).map((login) => login.account).toSorted()).toEqual([
          '__proto__',
          'accounts',
          'constructor',
        ])
        expect(await tokenOf(store, '__proto__')).toBe('canary-access-__proto__')
        expect(({} as { token?: string }).token).toBeUndefined()
      })
    })

    test('a user and a password rest like a token does', async () => {
      const store = open()
      const basic = { server: A, kind: 'basic' as const, username: 'admin', scopes: [] }
      await store.save({ ...basic, token: new Secret('canary-password') })
      expect(await store.list()).toMatchObject([{ kind: 'basic', username: 'admin', account: 'admin' }])
      const stored = await store.read(A)
      expect([stored?.username, stored?.token.reveal()]).toEqual(['admin', 'canary-password'])
    })

    test('a credential of 6 KiB is read back whole, replaced, and leaves nothing behind', async () => {
      const store = open()
      for (const mark of ['one', 'two', 'three']) {
        await store.save({ ...credential(A, mark), token: longSecret(mark) })
        expect((await store.read(A))?.token.reveal()).toBe(longSecret(mark).reveal())
      }
      await store.save(credential(A, 'short'))
      expect((await store.read(A))?.token.reveal()).toBe('canary-access-short')
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
      ['a server without an address', '{"servers":{"localhost:8080":{"token":"canary"}}}'],
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

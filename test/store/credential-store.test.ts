/** Keychain and file together: where a secret is stored, shadowing, logouts, replaced logins and outages. */
import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/platform/clock.ts'
import { lockFile } from '../../src/platform/files/file-lock.ts'
import { openStore } from '../../src/store/open-store.ts'
import { missingKeyringPart, runWithKeyring } from '../support/real-parts/keyring.ts'
import { memoryKeychain } from '../support/client/memory-keychain.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { A, credential, modeOf, storeContract } from './contract.ts'

function opened(changes: { env?: Record<string, string>; home?: string } = {}) {
  const home = changes.home ?? join(temporaryFolder(), '.fob')
  const memory = memoryKeychain()
  const store = openStore({
    home,
    env: changes.env ?? {},
    authConfig: undefined,
    clock: systemClock,
    keychain: () => memory.keychain,
  })
  return { store, home, file: join(home, 'credentials'), ...memory }
}

storeContract('file', 'file', () =>
  openStore({
    home: '/nonexistent',
    env: { FOB_AUTH_CONFIG: join(temporaryFolder(), 'credentials') },
    authConfig: undefined,
    clock: systemClock,
  }),
)
storeContract('keychain', 'keychain', () => opened().store)

describe('keychain and file together', () => {
  test('S198: with a keychain the file holds no secret', async () => {
    const { store, file, entries } = opened()
    expect(await store.save(credential(A, '1'))).toEqual({ storage: 'keychain' })
    expect(readFileSync(file, 'utf8')).not.toContain('canary')
    expect([...entries.values()].join()).toContain('canary-refresh-1')
  })

  test('S199: without one the file holds it, with the reason, in a folder of mode 0700', async () => {
    const { store, home, file, state } = opened()
    state.refuses = 'no_bus'
    expect(await store.save(credential(A, '1'))).toEqual({ storage: 'file', storageReason: 'no_bus' })
    expect([modeOf(file), modeOf(home)]).toEqual(['600', '700'])
    expect(await store.list()).toMatchObject([{ storage: 'file', storageReason: 'no_bus' }])
    expect((await store.read(A))?.token.reveal()).toBe('canary-access-1')
  })

  test('a login in the file is read without waking the keychain, and so is the list', async () => {
    const { store, state } = opened()
    await store.save(credential(A, '1'), { preferFile: true })
    await store.read(A)
    await store.list()
    expect(state.calls).toBe(0)
  })

  test('a login in the one place leaves nothing in the other that could shadow it', async () => {
    const { store, file, entries } = opened()
    await store.save(credential(A, 'first'))
    await store.save(credential(A, 'second'), { preferFile: true })
    expect(entries.size).toBe(0)
    expect((await store.read(A))?.token.reveal()).toBe('canary-access-second')
    await store.save(credential(A, 'third'))
    expect(readFileSync(file, 'utf8')).not.toContain('canary')
    expect((await store.read(A))?.token.reveal()).toBe('canary-access-third')
  })

  test('S235: a logout clears both places', async () => {
    const { store, file, entries } = opened()
    for (const name of [A, `${A}#u1`]) entries.set(`fob ${name}`, '{"token":"canary-orphan"}')
    await store.save(credential(A, '1'), { preferFile: true })
    expect(await store.remove(A)).toEqual({ found: true })
    expect(entries.size).toBe(0)
    expect(readFileSync(file, 'utf8')).not.toContain('canary')
  })

  test('R12, S235: a login whose secret the keychain does not let go of is used no more, and a mark stays until it does', async () => {
    const { store, state, entries } = opened()
    await store.save(credential(A, '1'))
    state.refuses = 'locked'
    expect(await store.remove(A)).toEqual({ found: true, keychainFailure: 'locked' })
    expect(await store.list()).toEqual([])
    expect(await store.list({ loggedOut: true })).toMatchObject([{ server: A, loggedOut: true }])
    state.refuses = undefined
    expect(await store.read(A)).toBeUndefined()
    expect((await store.read(A, 'u1', { loggedOut: true }))?.token.reveal()).toBe('canary-access-1')
    expect(await store.select(A, 'u1')).toBe(false)
    expect(await store.remove(A)).toEqual({ found: true })
    expect([await store.list(), entries.size]).toEqual([[], 0])
  })

  test('a login that replaces another hands the older one back, or says why it cannot', async () => {
    const { store, state } = opened()
    expect(await store.save(credential(A, '1'))).not.toHaveProperty('replaced')
    const { replaced } = await store.save(credential(A, '2'), { preferFile: true })
    if (replaced?.kind !== 'readable') throw new Error('the older login was not given back')
    const { token, ...older } = replaced.credential
    expect([older, token.reveal()]).toMatchObject([{ server: A, account: 'u1' }, 'canary-access-1'])
    await store.save(credential(A, '3'))
    state.refuses = 'locked'
    const saved = await store.save(credential(A, '4'))
    expect(saved).toMatchObject({ storage: 'file', storageReason: 'locked' })
    expect(saved.replaced).toEqual({
      kind: 'unreadable',
      reason: expect.stringContaining('it is locked') as string,
    })
    const other = { ...credential(A, '5'), user: { id: 'u2' } }
    expect(await store.save(other)).not.toHaveProperty('replaced')
  })

  test('a login whose secret is gone from a keychain that works is forgotten', async () => {
    const { store, entries } = opened()
    await store.save(credential(A, '1'))
    entries.clear()
    expect(await store.remove(A)).toEqual({ found: true })
    expect(await store.list()).toEqual([])
  })

  test.each([
    ['locked', 'it is locked'],
    ['timeout', 'it did not answer in time'],
    [undefined, 'it holds none, or is locked'],
  ] as const)(
    'a keychain that does not give the secret (%s) is an error with the reason',
    async (reason, why) => {
      const { store, state, entries } = opened()
      await store.save(credential(A, '1'))
      state.refuses = reason
      entries.clear()
      const error: unknown = await store.read(A).catch((e: unknown) => e)
      expect(error).toMatchObject({ code: 'unauthenticated' })
      expect(String(error)).toContain(why)
    },
  )

  test('S43, R9: a plain entry made by hand asks the keychain first, then takes the file', async () => {
    const { store, home, file, entries, state } = opened()
    mkdirSync(home)
    writeFileSync(file, JSON.stringify({ servers: { [A]: { token: 'canary-by-hand' } } }))
    expect((await store.read(A))?.token.reveal()).toBe('canary-by-hand')
    expect(state.calls).toBe(1)
    entries.set(`fob ${A}`, '{"token":"canary-in-keychain"}')
    expect((await store.read(A))?.token.reveal()).toBe('canary-in-keychain')
    expect(await store.list()).toMatchObject([
      { server: A, kind: 'token', storage: 'file', renewable: false },
    ])
  })

  test('S45, R2: a named file is the only store', async () => {
    const named = join(temporaryFolder(), 'deep', 'auth.json')
    const { keychain, state } = memoryKeychain()
    for (const env of [{ FOB_AUTH_CONFIG: named }, { CI_AUTH_CONFIG: named }]) {
      const store = openStore({
        home: '/nonexistent',
        env,
        authConfig: undefined,
        clock: systemClock,
        keychain: () => keychain,
      })
      await store.save(credential(A, '1'))
      expect((await store.read(A))?.token.reveal()).toBe('canary-access-1')
      await store.remove(A)
    }
    expect([state.calls, modeOf(named)]).toEqual([0, '600'])
  })

  test('two homes do not see each other in one keychain', async () => {
    const memory = memoryKeychain()
    const at = (home: string) =>
      openStore({
        home,
        env: { FOB_HOME: home },
        authConfig: undefined,
        clock: systemClock,
        keychain: () => memory.keychain,
      })
    const [one, two] = [at(temporaryFolder()), at(temporaryFolder())]
    await one.save(credential(A, 'one'))
    await two.save(credential(A, 'two'))
    expect((await one.read(A))?.token.reveal()).toBe('canary-access-one')
    await two.remove(A)
    expect((await one.read(A))?.token.reveal()).toBe('canary-access-one')
  })

  test('an entry called __proto__ is an entry like any other', async () => {
    const { store, home, file } = opened()
    mkdirSync(home)
    writeFileSync(file, '{"servers":{},"__proto__":{"polluted":true}}')
    await store.save(credential(A, '1'))
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  test('what killed writers left is gone after the next read, except where a writer is at work', async () => {
    const { store, home } = opened()
    await store.save(credential(A, '1'))
    const left = (name: string) => {
      const path = join(home, name)
      writeFileSync(path, 'half')
      return path
    }
    const dead = [
      left('.credentials.0123456789ab.tmp'),
      left('.config.toml.0123456789ab.tmp'),
      left('.trusted.json.abcdefabcdef.tmp'),
    ]
    const others = [left('.credentials.tmp'), left('.credentials.0123.tmp'), left('credentials.bak')]
    const atWork = left('.notes.0123456789ab.tmp')
    const release = await lockFile(join(home, 'notes.lock'), { clock: systemClock, timeoutMs: 0 })
    await opened({ home }).store.list()
    expect(dead.filter((path) => existsSync(path))).toEqual([])
    expect([...others, atWork].filter((path) => !existsSync(path))).toEqual([])
    release?.()
    await opened({ home }).store.list()
    expect(existsSync(atWork)).toBe(false)
  })

  test('in a folder that is not ours, only what belongs to the named file is deleted', async () => {
    const folder = temporaryFolder()
    const [mine, other] = ['.auth.json.0123456789ab.tmp', '.other.0123456789ab.tmp'].map((name) =>
      join(folder, name),
    )
    for (const path of [mine, other]) writeFileSync(path ?? '', 'half')
    const env = { FOB_AUTH_CONFIG: join(folder, 'auth.json') }
    await openStore({ home: '/nonexistent', env, authConfig: undefined, clock: systemClock }).list()
    expect([existsSync(mine ?? ''), existsSync(other ?? '')]).toEqual([false, true])
  })

  test('a logout of a home that was never made leaves a usable one', async () => {
    const { store, file } = opened()
    await store.remove(A)
    expect(existsSync(file)).toBe(false)
  })
})

const missing = missingKeyringPart()
test.skipIf(missing !== undefined)(
  `the contract holds on a real gnome-keyring${missing === undefined ? '' : ` (skipped: needs ${missing})`}`,
  async () => {
    const { code, stderr } = await runWithKeyring('unlocked', [
      process.execPath,
      'test',
      join(import.meta.dir, 'real-keyring.ts'),
    ])
    expect(stderr).toMatch(/\b[1-9]\d* pass/)
    expect(stderr).toMatch(/\b0 fail/)
    expect(code).toBe(0)
  },
)

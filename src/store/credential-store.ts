import { Fault } from '../contract/fault.ts'
import type { KeychainReason } from '../platform/keychain/keychain.ts'
import { type Accounts, type Document, everyAccount } from './credentials-document.ts'
import {
  endedEntry,
  type Entry,
  type Position,
  sameSecrets,
  toCredential,
  toEntry,
  toStoredLogin,
} from './login-entry.ts'
import type { Afterwards, CredentialsFile } from './credentials-file.ts'
import { findSecrets, type KeychainSecrets } from './keychain-secrets.ts'
import {
  accountOf,
  type Credential,
  type Removed,
  type Replaced,
  type Saved,
  type SavedLogin,
  type Store,
  type StoredLogin,
  UNNAMED,
} from './store.ts'

/** A refresh lasts at most as long as its request may, and its save. */
const RENEWAL_TIMEOUT_MS = 60_000

/** The server has rotated a token already: what it gave must be saved, Ctrl-C or not. */
const UNINTERRUPTED = { interruptible: false }

export interface CredentialStoreOptions {
  file: CredentialsFile
  /** Absent: the file alone (R2). */
  keychain: KeychainSecrets | undefined
  /** Why there is no keychain; noted with each credential, for `auth status` to show. */
  fileReason?: string
}

/**
 * Secrets in the keychain, everything else in the file. Where the keychain cannot take them, or there is to
 * be none, they rest in the file as well, with the reason beside them (S199).
 */
export function credentialStore(options: CredentialStoreOptions): Store {
  const { file, keychain } = options
  return {
    path: file.path,
    list: async () => [...everyAccount(await file.read())].map(([at, entry]) => toStoredLogin(at, entry)),
    read: async (server, account) => {
      const found = find(await file.read(), server, account)
      if (found === undefined) return undefined
      const secrets = await findSecrets(found.at, found.entry, keychain)
      return secrets === undefined ? undefined : toCredential(found.at, found.entry, secrets)
    },
    save: (credential, { preferFile = false } = {}) =>
      file.update((document, afterwards) =>
        save(document, credential, { ...options, preferFile, afterwards }),
      ),
    renew: (used, renewed) =>
      file.update(async (document, afterwards) => {
        const found = find(document, used.server, used.account)
        if (found === undefined || found.entry.ended === true) return { kind: 'gone' }
        const stored = await findSecretsQuietly(found, keychain)
        if (stored !== undefined && !sameRefreshToken(stored, used)) return { kind: 'replaced' }
        const unchanged = stored !== undefined && sameSecrets(stored, renewed)
        const saved = await place(document, found.at, renewed, {
          keychain,
          preferFile: found.entry.storage !== 'keychain',
          reason: found.entry.storageReason,
          unchanged,
          afterwards,
        })
        return { kind: 'saved', saved }
      }, UNINTERRUPTED),
    end: (used) =>
      file.update(async (document) => {
        const found = find(document, used.server, used.account)
        if (found === undefined) return true
        const stored = await findSecretsQuietly(found, keychain)
        if (stored !== undefined && !sameRefreshToken(stored, used)) return false
        // A keychain that does not let go of it holds a token that is worth nothing.
        if (found.entry.storage !== 'file') await keychain?.drop(found.at)
        found.accounts.entries.set(found.at.account, endedEntry(found.entry))
        return true
      }, UNINTERRUPTED),
    select: (server, account) =>
      file.update(async ({ servers }) => {
        const accounts = servers.get(server)
        if (accounts === undefined || !accounts.entries.has(account)) return false
        accounts.current = account
        return true
      }),
    remove: (server, account) => file.update((document) => remove(document, server, account, keychain)),
    lockRenewal: async (server, account, unneeded) => {
      let renewed = false
      const release = await file.lock(lockName(server, account), {
        timeoutMs: RENEWAL_TIMEOUT_MS,
        unneeded: async () => (renewed = await unneeded()),
      })
      if (release !== undefined) return { kind: 'ours', release }
      if (renewed) return { kind: 'unneeded' }
      throw new Fault('failed', `another fob process has been renewing the login to ${server} for too long`, {
        hint: 'wait for it, or end it, and run this again',
      })
    },
    probe: async () => keychain?.probe(),
  }
}

interface Found {
  at: Position
  entry: Entry
  accounts: Accounts
}

function find({ servers }: Document, server: string, account: string | undefined): Found | undefined {
  const accounts = servers.get(server)
  const id = account ?? accounts?.current
  const entry = id === undefined ? undefined : accounts?.entries.get(id)
  if (accounts === undefined || id === undefined || entry === undefined) return undefined
  return { at: { server, account: id, current: id === accounts.current }, entry, accounts }
}

async function save(
  document: Document,
  credential: Credential,
  { keychain, fileReason, preferFile, afterwards }: SaveOptions,
): Promise<SavedLogin> {
  const { server } = credential
  const account = accountOf(credential)
  const accounts = document.servers.get(server)
  const name = accounts && replacedBy(account, accounts)
  const older = name === undefined ? undefined : find(document, server, name)
  // Read now: the new secrets may rest where these do.
  const replaced = older && (await readReplaced(older, keychain))
  if (older !== undefined && older.at.account !== account) {
    older.accounts.entries.delete(older.at.account)
    older.accounts.entries.set(account, older.entry)
    if (older.entry.storage !== 'file') afterwards(async () => keychain?.drop(older.at))
  }
  const at = { server, account, current: true }
  const reason = fileReason ?? 'asked'
  const options = { keychain, preferFile, reason, unchanged: false, afterwards }
  const saved = await place(document, at, credential, options)
  return replaced === undefined ? saved : { ...saved, replaced }
}

async function readReplaced(
  { at, entry }: Found,
  keychain: KeychainSecrets | undefined,
): Promise<Replaced | undefined> {
  try {
    const secrets = await findSecrets(at, entry, keychain)
    return secrets && { kind: 'readable', credential: toCredential(at, entry, secrets) }
  } catch (error) {
    if (error instanceof Fault && error.code === 'unauthenticated')
      return { kind: 'unreadable', reason: error.message }
    throw error
  }
}

interface SaveOptions extends CredentialStoreOptions {
  preferFile: boolean
  afterwards: Afterwards
}

/**
 * Which account a login takes the place of: its own older one. Where either of them has no name there is no
 * telling the two apart, nor switching between them, so it is the current one.
 */
function replacedBy(account: string, { current, entries }: Accounts): string | undefined {
  if (entries.has(account)) return account
  return account === UNNAMED || current === UNNAMED ? current : undefined
}

interface PlaceOptions {
  keychain: KeychainSecrets | undefined
  preferFile: boolean
  /** Why it is to be in the file, where it is. */
  reason: string | undefined
  /** The secrets rest there already: only what the index says of them is new. */
  unchanged: boolean
  afterwards: Afterwards
}

/** Puts a credential where it is to rest, and takes an older one out of the other place. */
async function place(
  document: Document,
  at: Position,
  credential: Credential,
  { keychain, preferFile, reason, unchanged, afterwards }: PlaceOptions,
): Promise<Saved> {
  const { entries } = accountsOf(document, at)
  const before = entries.get(at.account)
  const useKeychain = keychain !== undefined && !preferFile
  const put = useKeychain && !unchanged ? await keychain.put(at, credential) : undefined
  const refused = put === undefined || put.ok ? undefined : put.reason
  if (useKeychain && refused === undefined) {
    entries.set(at.account, toEntry(credential, 'keychain', before))
    return { place: 'keychain' }
  }
  // An older secret must not outlive this one, and goes once the file has the new one: until then the index
  // points to it, and from then on past it. Where there was none, the keychain may sleep on.
  if (before !== undefined && before.storage !== 'file') afterwards(async () => keychain?.drop(at))
  entries.set(at.account, toEntry(credential, 'file', before, refused ?? reason))
  return { place: 'file', reason: refused ?? 'asked' }
}

function accountsOf({ servers }: Document, { server, account, current }: Position): Accounts {
  const accounts = servers.get(server) ?? { current: account, entries: new Map<string, Entry>() }
  if (current) accounts.current = account
  servers.set(server, accounts)
  return accounts
}

async function remove(
  document: Document,
  server: string,
  account: string | undefined,
  keychain: KeychainSecrets | undefined,
): Promise<Removed> {
  const found = find(document, server, account)
  const id = found?.at.account ?? account ?? UNNAMED
  const dropped = await keychain?.drop({ server, account: id })
  // A plain entry made by hand may have had its secret under the server's own name.
  if (id !== UNNAMED && found?.accounts.entries.size === 1) await keychain?.drop({ server, account: UNNAMED })
  if (found === undefined) return { found: dropped?.ok === true && dropped.value }
  const { accounts, entry } = found
  const failure = await whyKept(dropped, entry, keychain)
  if (failure !== undefined) return { found: true, keychainFailure: failure }
  accounts.entries.delete(id)
  const next = nextAccount(document, server, accounts, found.at.current)
  return { found: true, ...(next === undefined ? {} : { next }) }
}

/** The account that takes over when the current one goes; a server without accounts goes as well. */
function nextAccount(
  { servers }: Document,
  server: string,
  accounts: Accounts,
  wasCurrent: boolean,
): StoredLogin | undefined {
  const [first] = accounts.entries
  if (first === undefined) {
    servers.delete(server)
    return undefined
  }
  if (!wasCurrent) return undefined
  const [account, entry] = first
  accounts.current = account
  return toStoredLogin({ server, account, current: true }, entry)
}

/** Why the keychain may hold the secret of `entry` still; one that never held it need not be reachable. */
async function whyKept(
  dropped: Awaited<ReturnType<KeychainSecrets['drop']>> | undefined,
  { storage }: Entry,
  keychain: KeychainSecrets | undefined,
): Promise<KeychainReason | undefined> {
  if (dropped === undefined || storage !== 'keychain') return undefined
  if (!dropped.ok) return dropped.reason
  // A locked one can look like an empty one.
  const probe = dropped.value ? undefined : await keychain?.probe()
  return probe === undefined || probe.state === 'usable' ? undefined : probe.reason
}

/** Undefined as well where the keychain does not give them now: whoever asks has just had them. */
async function findSecretsQuietly({ at, entry }: Found, keychain: KeychainSecrets | undefined) {
  try {
    return await findSecrets(at, entry, keychain)
  } catch (error) {
    if (error instanceof Fault && error.code === 'unauthenticated') return undefined
    throw error
  }
}

function sameRefreshToken(a: Pick<Credential, 'refreshToken'>, b: Pick<Credential, 'refreshToken'>): boolean {
  return a.refreshToken?.reveal() === b.refreshToken?.reveal()
}

/** One lock file per login, named by what cannot be a path. */
function lockName(server: string, account: string): string {
  return new Bun.CryptoHasher('sha256').update(`${server}#${account}`).digest('hex').slice(0, 16)
}

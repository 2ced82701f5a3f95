/** Saving a login: the older one that it replaces, and where its secrets are stored. */
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { Accounts, Document } from './credentials-document.ts'
import type { Afterwards } from './credentials-file.ts'
import { findLogin, type Found } from './find-login.ts'
import { findSecrets, type KeychainSecrets } from './keychain-secrets.ts'
import { type Entry, type Position, toCredential, toEntry } from './login-entry.ts'
import {
  accountOf,
  type Credential,
  type Replaced,
  type Saved,
  type SavedLogin,
  type StorageReason,
  UNNAMED,
} from './store-interface.ts'

export interface SaveOptions {
  /** Undefined: secrets are stored in the file. */
  keychain: KeychainSecrets | undefined
  preferFile: boolean
  /** Why the file, where it is preferred or there is no keychain. */
  storageReason: StorageReason
  afterwards: Afterwards
}

/** Saves a new login as its server's current account. */
export async function saveLogin(
  document: Document,
  credential: Credential,
  options: SaveOptions,
): Promise<SavedLogin> {
  const { keychain, afterwards } = options
  const { server } = credential
  const account = accountOf(credential)
  const accounts = document.servers.get(server)
  const name = accounts && replacedBy(account, accounts)
  const older = name === undefined ? undefined : findLogin(document, server, name)
  // Read now: the new secrets may be stored where these are.
  const replaced = older && (await readReplaced(older, keychain))
  if (older !== undefined && older.at.account !== account) {
    older.accounts.entries.delete(older.at.account)
    older.accounts.entries.set(account, older.entry)
    if (older.entry.storage !== 'file') afterwards(async () => keychain?.delete(older.at))
  }
  const saved = await storeCredential(document, { server, account, current: true }, credential, options)
  return present({ ...saved, replaced })
}

/**
 * The account that a login replaces: its own older one. Where either of them has no name they cannot be told apart,
 * nor switched between, so it is the current one.
 */
function replacedBy(account: string, { current, entries }: Accounts): string | undefined {
  if (entries.has(account)) return account
  return account === UNNAMED || current === UNNAMED ? current : undefined
}

async function readReplaced(
  { at, entry }: Found,
  keychain: KeychainSecrets | undefined,
): Promise<Replaced | undefined> {
  try {
    const secrets = await findSecrets(at, entry, keychain)
    return secrets && { kind: 'readable', credential: toCredential(at, entry, secrets) }
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'unauthenticated') throw error
    return { kind: 'unreadable', reason: error.message }
  }
}

interface StoreOptions extends Omit<SaveOptions, 'storageReason'> {
  storageReason: string | undefined
  /** The secrets are stored there already: only what the index says of them is new. */
  unchanged?: boolean
}

/** Stores the secrets of a credential in the keychain or the file, and deletes older ones in the other. */
export async function storeCredential(
  document: Document,
  at: Position,
  credential: Credential,
  { keychain, preferFile, storageReason, unchanged = false, afterwards }: StoreOptions,
): Promise<Saved> {
  const { entries } = accountsOf(document, at)
  const before = entries.get(at.account)
  const useKeychain = keychain !== undefined && !preferFile
  const put = useKeychain && !unchanged ? await keychain.put(at, credential) : undefined
  const refused = put === undefined || put.ok ? undefined : put.reason
  if (useKeychain && refused === undefined) {
    entries.set(at.account, toEntry(credential, { storage: 'keychain' }, before))
    return { storage: 'keychain' }
  }
  // An older secret must not outlive this one, and is deleted once the file has the new one: until then the index
  // points to it, and from then on past it. Where there was none, the keychain is not woken.
  if (before !== undefined && before.storage !== 'file') afterwards(async () => keychain?.delete(at))
  const inFile = { storage: 'file', storageReason: refused ?? storageReason } as const
  entries.set(at.account, toEntry(credential, inFile, before))
  return { storage: 'file', storageReason: refused ?? 'asked' }
}

function accountsOf({ servers }: Document, { server, account, current }: Position): Accounts {
  const accounts = servers.get(server) ?? { current: account, entries: new Map<string, Entry>() }
  if (current) accounts.current = account
  servers.set(server, accounts)
  return accounts
}

/** A login in the credentials file: which account of which server, and its secrets. */
import { Fault } from '../contract/fault.ts'
import type { Accounts, Document } from './credentials-document.ts'
import { findSecrets, type KeychainSecrets } from './keychain-secrets.ts'
import type { Entry, Position, Secrets } from './login-entry.ts'

export interface Found {
  at: Position
  entry: Entry
  /** All accounts of the server. */
  accounts: Accounts
}

/** @param account without it, the server's current one. */
export function findLogin(
  { servers }: Document,
  server: string,
  account: string | undefined,
): Found | undefined {
  const accounts = servers.get(server)
  const id = account ?? accounts?.current
  const entry = id === undefined ? undefined : accounts?.entries.get(id)
  if (accounts === undefined || id === undefined || entry === undefined) return undefined
  return { at: { server, account: id, current: id === accounts.current }, entry, accounts }
}

/** Undefined also where the keychain does not give them at the moment: the caller has had them just before. */
export async function findSecretsQuietly(
  { at, entry }: Found,
  keychain: KeychainSecrets | undefined,
): Promise<Secrets | undefined> {
  try {
    return await findSecrets(at, entry, keychain)
  } catch (error) {
    if (error instanceof Fault && error.code === 'unauthenticated') return undefined
    throw error
  }
}

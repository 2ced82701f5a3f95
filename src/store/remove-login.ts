/** Removing a login from every storage, and the account that becomes current. */
import { present } from '../contract/omit-undefined.ts'
import type { KeychainReason, KeychainResult } from '../platform/keychain/keychain.ts'
import type { Accounts, Document } from './credentials-document.ts'
import { findLogin } from './find-login.ts'
import type { KeychainSecrets } from './keychain-secrets.ts'
import { type Entry, toStoredLogin } from './login-entry.ts'
import { type Removed, type StoredLogin, UNNAMED } from './store-interface.ts'

/** @param account without it, the server's current one. */
export async function removeLogin(
  document: Document,
  server: string,
  account: string | undefined,
  keychain: KeychainSecrets | undefined,
): Promise<Removed> {
  const found = findLogin(document, server, account)
  const id = found?.at.account ?? account ?? UNNAMED
  const deleted = await keychain?.delete({ server, account: id })
  // A plain entry made by hand may have had its secret under the server's own name.
  if (id !== UNNAMED && found?.accounts.entries.size === 1)
    await keychain?.delete({ server, account: UNNAMED })
  if (found === undefined) return { found: deleted?.ok === true && deleted.value }
  const { accounts, entry } = found
  const failure = await whyNotDeleted(deleted, entry, keychain)
  if (failure !== undefined) {
    accounts.entries.set(id, { ...entry, loggedOut: true })
    const next = nextAccount(document, server, accounts, found.at.current)
    return present({ found: true, keychainFailure: failure, next })
  }
  accounts.entries.delete(id)
  return present({ found: true, next: nextAccount(document, server, accounts, found.at.current) })
}

/** The account that becomes current when the current one is removed; a server without accounts is removed too. */
function nextAccount(
  { servers }: Document,
  server: string,
  accounts: Accounts,
  wasCurrent: boolean,
): StoredLogin | undefined {
  if (accounts.entries.size === 0) servers.delete(server)
  const first = [...accounts.entries].find(([, entry]) => entry.loggedOut !== true)
  if (!wasCurrent || first === undefined) return undefined
  const [account, entry] = first
  accounts.current = account
  return toStoredLogin({ server, account, current: true }, entry)
}

/** Why the keychain may still hold the secret of `entry`; a keychain that never held it need not be reachable. */
async function whyNotDeleted(
  deleted: KeychainResult<boolean> | undefined,
  { storage }: Entry,
  keychain: KeychainSecrets | undefined,
): Promise<KeychainReason | undefined> {
  if (deleted === undefined || storage !== 'keychain') return undefined
  if (!deleted.ok) return deleted.reason
  // A locked keychain can look like an empty one.
  const probe = deleted.value ? undefined : await keychain?.probe()
  return probe === undefined || probe.state === 'usable' ? undefined : probe.reason
}

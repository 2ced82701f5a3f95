/** The store of credentials: the keychain for secrets, the file as the index of all logins. */
import { Fault } from '../contract/fault.ts'
import { type Document, everyAccount } from './credentials-document.ts'
import type { CredentialsFile } from './credentials-file.ts'
import { findLogin, findSecretsQuietly } from './find-login.ts'
import { findSecrets, type KeychainSecrets } from './keychain-secrets.ts'
import { endedEntry, refusedEntry, sameSecrets, toCredential, toStoredLogin } from './login-entry.ts'
import { removeLogin } from './remove-login.ts'
import { saveLogin, storeCredential } from './save-login.ts'
import type { Credential, StorageReason, Store, StoredLogin } from './store-interface.ts'

/** A refresh lasts at most as long as its request may, and its save. */
const RENEWAL_TIMEOUT_MS = 60_000

/** The server has rotated a token already: the new one must be saved, Ctrl-C or not. */
const UNINTERRUPTED = { interruptible: false }

export interface CredentialStoreOptions {
  file: CredentialsFile
  /** Undefined: the file alone. */
  keychain: KeychainSecrets | undefined
  /** Why there is no keychain; stored with each credential, for `fob auth status` to show. */
  storageReason?: StorageReason
}

/**
 * Secrets are stored in the keychain, everything else in the file. Where the keychain does not take them, or is not to
 * be used, they are stored in the file as well, with the reason.
 */
export function credentialStore(options: CredentialStoreOptions): Store {
  const { file, keychain, storageReason = 'asked' } = options
  return {
    path: file.path,
    list: async ({ loggedOut } = { loggedOut: false }) => {
      const document = await file.read()
      const logins = [...everyAccount(document)].map(([at, entry]) =>
        listed(document, toStoredLogin(at, entry)),
      )
      return logins.filter((login) => loggedOut || login.loggedOut !== true)
    },
    read: async (server, account, { loggedOut } = { loggedOut: false }) => {
      const found = findLogin(await file.read(), server, account)
      if (found === undefined || (found.entry.loggedOut === true && !loggedOut)) return undefined
      const secrets = await findSecrets(found.at, found.entry, keychain)
      return secrets === undefined ? undefined : toCredential(found.at, found.entry, secrets)
    },
    save: (credential, { preferFile = false } = {}) =>
      file.update((document, afterwards) => {
        document.current = credential.server
        return saveLogin(document, credential, { keychain, preferFile, storageReason, afterwards })
      }),
    reserve: (server, account) => file.reserve(lockName(server, account)),
    renew: (used, renewed, room) =>
      file.update(
        async (document, afterwards) => {
          const found = findLogin(document, used.server, used.account)
          const isGone = found === undefined || found.entry.ended === true || found.entry.loggedOut === true
          if (isGone) return { kind: 'gone' }
          const stored = await findSecretsQuietly(found, keychain)
          if (stored !== undefined && !sameRenewal(stored, used)) return { kind: 'replaced' }
          const unchanged = stored !== undefined && sameSecrets(stored, renewed)
          const saved = await storeCredential(document, found.at, renewed, {
            keychain,
            preferFile: found.entry.storage !== 'keychain',
            storageReason: found.entry.storageReason,
            unchanged,
            afterwards,
          })
          return { kind: 'saved', saved }
        },
        { ...UNINTERRUPTED, room },
      ),
    end: (used, secrets = 'delete') =>
      file.update(async (document) => {
        const found = findLogin(document, used.server, used.account)
        if (found === undefined) return true
        const stored = await findSecretsQuietly(found, keychain)
        if (stored !== undefined && !sameRenewal(stored, used)) return false
        if (secrets === 'keep') {
          found.accounts.entries.set(found.at.account, refusedEntry(found.entry))
          return true
        }
        // Should the keychain not delete it, it holds a token that is worth nothing.
        if (found.entry.storage !== 'file') await keychain?.delete(found.at)
        found.accounts.entries.set(found.at.account, endedEntry(found.entry))
        return true
      }, UNINTERRUPTED),
    select: (server, account) =>
      file.update(async (document) => {
        const accounts = document.servers.get(server)
        const entry = accounts?.entries.get(account)
        if (accounts === undefined || entry === undefined || entry.loggedOut === true) return false
        accounts.current = account
        document.current = server
        return true
      }),
    remove: (server, account) => file.update((document) => removeLogin(document, server, account, keychain)),
    lockRenewal: async (server, account, unneeded) => {
      let renewed = false
      const release = await file.lock(lockName(server, account), {
        timeoutMs: RENEWAL_TIMEOUT_MS,
        unneeded: async () => (renewed = await unneeded()),
      })
      if (release !== undefined) return { kind: 'ours', release }
      if (renewed) return { kind: 'unneeded' }
      throw new Fault('failed', `another fob process has been renewing the login to ${server} for too long`, {
        hint: 'wait for it, or stop it, and run this again',
      })
    },
    probe: async () => keychain?.probe(),
  }
}

function listed({ current }: Document, login: StoredLogin): StoredLogin {
  return login.server === current ? { ...login, atCurrentServer: true } : login
}

/** Whether both are the same login before its renewal: by the refresh token, which a renewal uses up, where it has one. */
function sameRenewal(a: Renewing, b: Renewing): boolean {
  const [one, other] = [a.refreshToken ?? a.token, b.refreshToken ?? b.token]
  return one.reveal() === other.reveal()
}
type Renewing = Pick<Credential, 'token' | 'refreshToken'>

/** One lock file per login. A hash, since the name of an account may hold what a path must not. */
function lockName(server: string, account: string): string {
  return new Bun.CryptoHasher('sha256').update(`${server}#${account}`).digest('hex').slice(0, 16)
}

/**
 * Owns: where credentials are stored: the system's keychain, else one file that only its owner may read. The file
 * `credentials` is also the index of all logins: name, tenant, expiry and the storage of the secret stand there, so
 * that `whoami` and server lookup never wake the keychain. A server can have several accounts; one is its current one.
 * Refuses: policy. Which server, which account, and when to refresh are decided in `session`.
 */
import type { KeychainReason, Probe } from '../platform/keychain/keychain.ts'
import type { Secret } from '../redact/secret.ts'

/** Where a secret is stored, as the credentials file and `fob auth status` call it. */
export type StorageKind = 'keychain' | 'file'

/**
 * Why a secret is not in the keychain: the keychain's own reason, `asked` for `--insecure-storage`, `named` for a file
 * that a flag or a variable names.
 */
export type StorageReason = KeychainReason | 'asked' | 'named'

/** What a refresh or a revocation needs to know of the authorization server. */
export interface OAuthClient {
  issuer: string
  clientId: string
  tokenEndpoint: string
  revocationEndpoint?: string
  /** Its tokens are bound to a key (RFC 9449), and are refused without a proof of it. */
  dpop?: true
}

/** The job whose ID token a login came from, and from whose next one it is renewed. */
export type LoginWorkload = { kind: 'github' } | { kind: 'gitlab' } | { kind: 'file'; path: string }

/** A login without its secrets: what can be shown. */
export interface Login {
  /** Normalised, as `session/resolve-server-and-credential.ts` makes it: the key of everything. */
  server: string
  /**
   * `oauth` came from a flow; `token` was given to us (a scoped or personal access token); `basic` is a user and
   * a password, and the password stands where the others have their token.
   */
  kind: 'oauth' | 'token' | 'basic'
  /** Of `basic` alone: the name that goes with the password. */
  username?: string
  /** Milliseconds since 1970; absent where the token has no known end. */
  expiresAt?: number
  scopes: readonly string[]
  /** The slug captured at login. */
  tenant?: string
  user?: { id?: string; name?: string; email?: string }
  oauth?: OAuthClient
  /** Of `oauth` alone: there is no refresh token then. */
  workload?: LoginWorkload
}

/** A login as the index holds it. */
export interface StoredLogin extends Login {
  /** Which of the server's accounts this is. */
  account: string
  /** The server's current account: the one that is used where none is named. */
  current: boolean
  /** In a list: the server is that of the last login or `fob auth switch`. */
  atCurrentServer?: true
  storage: StorageKind
  /** Why it is not in the keychain: a `StorageReason`, or what a file made by another version says. */
  storageReason?: string
  /** Logged out, while the keychain that holds its secret could not be reached: no command uses it. */
  loggedOut?: true
  /** True when there is a refresh token, wherever it is stored, or the ID token of a job takes its place. */
  renewable: boolean
  /** The server refused to renew it and its secrets are deleted: only a new login helps. */
  ended?: true
  /** The server refused to renew it, and not as one that is over: its secrets are kept for one more try. */
  refused?: true
}

export interface Credential extends Login {
  token: Secret
  refreshToken?: Secret
  /** The private key that the tokens are bound to, as a JWK. */
  dpopKey?: Secret
}

export interface StoredCredential extends Credential {
  account: string
  refused?: true
}

/** Where a credential was saved. */
export interface Saved {
  storage: StorageKind
  storageReason?: StorageReason
}

/** A login that another one has replaced, as it was; or why the keychain did not give it. */
export type Replaced =
  | { kind: 'readable'; credential: StoredCredential }
  | { kind: 'unreadable'; reason: string }

export interface SavedLogin extends Saved {
  /** The older login of the same account, where there was one. */
  replaced?: Replaced
}

export interface Removed {
  /** False when there was no such login. */
  found: boolean
  /** Why the keychain did not delete the secret: a mark then stays, so that a later logout finds it. */
  keychainFailure?: KeychainReason
  /** The server's new current account, where another one was left. */
  next?: StoredLogin
}

/** Room on the disk that is reserved for a file. */
export interface Room {
  path: string
  /** Gives back what was not used. */
  release(): void
}

/** The result of storing new secrets: `gone` when the login was ended meanwhile, `replaced` by another login. */
type Renewal = { kind: 'saved'; saved: Saved } | { kind: 'gone' } | { kind: 'replaced' }

/** A lock on renewing one login: ours, or `unneeded` because it has been renewed while we waited. */
type RenewalLock = { kind: 'ours'; release: () => void } | { kind: 'unneeded' }

/**
 * All servers' credentials. Every change is atomic and locked across processes.
 * @throws Fault `config` when the file is unreadable or damaged (and then nothing is changed).
 */
export interface Store {
  /** What a user calls the file, for messages. */
  path: string
  /**
   * Every login, without secrets; a server's current account first. Never wakes the keychain.
   * @param options.loggedOut also those whose logout is not finished.
   */
  list(options?: { loggedOut: boolean }): Promise<StoredLogin[]>
  /**
   * The credential with its secrets, of the account named or of the server's current one; undefined where
   * there is none, and for a login that has ended.
   * @throws Fault `unauthenticated` when the index says keychain and the keychain does not give it.
   */
  read(
    server: string,
    account?: string,
    options?: { loggedOut: boolean },
  ): Promise<StoredCredential | undefined>
  /**
   * A new login. It replaces the same account's older one in every place, so that neither can shadow the
   * other; another user's stands beside it. It becomes the server's current account, and the server the current one.
   */
  save(credential: Credential, options?: { preferFile?: boolean }): Promise<SavedLogin>
  /**
   * New secrets for the login that `used` was read from: saved where the old ones are stored, and only if its refresh
   * token, or without one its token, is still the stored one. Secrets that have not changed are not written again.
   */
  renew(used: StoredCredential, renewed: Credential, room?: Room): Promise<Renewal>
  /**
   * Reserves room on the disk for the new secrets of a login, for the one that has its lock: before a refresh token is
   * sent, as afterwards it is worth nothing.
   * @throws Fault `config` where there is none
   */
  reserve(server: string, account: string): Room
  /**
   * Ends a login that the server refuses to renew, if `used` still has its refresh token: its secrets are deleted, or
   * kept for one more try. Who was logged in, and where, stays known, so that `fob auth login` goes to the same server.
   * @returns false when another login or renewal has taken its place.
   */
  end(used: StoredCredential, secrets?: 'delete' | 'keep'): Promise<boolean>
  /** Makes an account the server's current one, and the server the current server; false where there is no such account. */
  select(server: string, account: string): Promise<boolean>
  /**
   * Removes an account, without a name the server's current one, from every storage. Where the keychain does not
   * delete its secret, a mark stays in the file: no command uses the login, and a later removal can finish.
   */
  remove(server: string, account?: string): Promise<Removed>
  /**
   * The right to renew this login, which one process has at a time. The kernel releases it when the holder dies.
   * `unneeded` is asked repeatedly while another process holds it.
   * @throws Fault `failed` when it is not available within a minute; the signal's reason.
   */
  lockRenewal(server: string, account: string, unneeded: () => Promise<boolean>): Promise<RenewalLock>
  /**
   * The state of the keychain, found out with an entry that is written, read and deleted; undefined where this store
   * uses none.
   */
  probe(): Promise<Probe | undefined>
}

/** The account of a login about whose user nothing is known. */
export const UNNAMED = 'default'

/** Which account of its server a login is: by what the server calls the user, who may change their name. */
export function accountOf({ user, username }: AccountNames): string {
  const names = [user?.id, user?.email, username, user?.name]
  return names.find((name) => name !== undefined && name !== '') ?? UNNAMED
}

interface AccountNames {
  user?: { id?: string | undefined; name?: string | undefined; email?: string | undefined } | undefined
  username?: string | undefined
}

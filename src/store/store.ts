/**
 * Where credentials rest: the system's keychain, else one file that only its owner may read (S198, S199).
 * The file `credentials` is also the index of all logins: name, tenant, expiry and the place of the secret
 * stand there, so that `whoami`, `auth status` and server lookup never wake the keychain.
 * It decides no policy: which server, which credential and when to refresh is `session`'s business.
 */
import type { KeychainReason } from '../platform/keychain.ts'
import type { Secret } from '../redact/secret.ts'

export type Place = 'keychain' | 'file'

/** What a refresh or a revocation needs to know of the authorization server. */
export interface OAuthClient {
  issuer: string
  clientId: string
  tokenEndpoint: string
  revocationEndpoint?: string
}

/** A login without its secrets: what can be shown. */
export interface Login {
  /** Normalised, as `session/resolve.ts` makes it: the key of everything. */
  server: string
  /** `oauth` came from a flow; `token` was handed to us (a scoped or personal access token). */
  kind: 'oauth' | 'token'
  /** Milliseconds since 1970; absent where the token has no known end. */
  expiresAt?: number
  scopes: readonly string[]
  /** The slug captured at login. */
  tenant?: string
  user?: { id?: string; name?: string; email?: string }
  oauth?: OAuthClient
}

/** A login as the index holds it. */
export interface StoredLogin extends Login {
  place: Place
  /** Why it is not in the keychain. */
  placeReason?: string
  /** True when there is a refresh token, wherever it rests. */
  renewable: boolean
}

export interface Credential extends Login {
  token: Secret
  refreshToken?: Secret
}

/** Where `save` put it, and why not in the keychain (`asked`: the user wanted the file). */
export interface Saved {
  place: Place
  reason?: KeychainReason | 'asked'
}

interface Removed {
  /** False when there was no login for that server. */
  found: boolean
  /** Set when a secret that rests in the keychain could not be deleted there. */
  keychainFailure?: KeychainReason
}

/**
 * All servers' credentials. Every change is atomic and locked across processes.
 * @throws Fault `config` when the file is unreadable or damaged (and then nothing is changed).
 */
export interface Store {
  /** What a user calls the file, for messages. */
  path: string
  /** Every login, without secrets; never wakes the keychain. */
  list(): Promise<StoredLogin[]>
  /**
   * The credential with its secrets.
   * @throws Fault `unauthenticated` when the index says keychain and the keychain does not give it.
   */
  read(server: string): Promise<Credential | undefined>
  /** Replaces the server's credential in every place, so that no older one can shadow it. */
  save(credential: Credential, options?: { preferFile?: boolean }): Promise<Saved>
  /** Forgets the server's credential in every place (S235). */
  remove(server: string): Promise<Removed>
}

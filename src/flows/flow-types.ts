/**
 * Owns: how tokens are obtained from an OAuth server: one small file per grant, each returning the same thing.
 * A flow talks to the person through `FlowUi` and to the server through `fetch`.
 * Refuses: to save a token, to print one, and to check whose it is: that is the profile call, which all logins share
 * (`session/complete-login.ts`).
 */
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import type { Lines } from '../platform/terminal/read-lines.ts'
import type { Outcome } from '../platform/browser/callback-listener.ts'
import type { Secret } from '../redact/secret.ts'
import type { Provider } from './server-discovery.ts'

export interface TokenSet {
  accessToken: Secret
  refreshToken?: Secret
  /** Milliseconds since 1970 by our clock; absent where the server gave no lifetime. */
  expiresAt?: number
  /** What the server granted, or what was asked where it did not say (RFC 6749 §5.1). */
  scopes: readonly string[]
  tokenType: string
  /** The private key, a JWK, that the tokens are bound to (RFC 9449). */
  dpopKey?: Secret
}

/** The user whom the server names, in its ID token (OpenID Connect Core §2): for the name that is shown. */
export interface Identity {
  subject: string
  name?: string
  email?: string
}

/** How a flow reaches the person. */
export interface FlowUi {
  /** One line of talk, on standard error. */
  say(line: string): void
  /** Opens the browser; false when it could not: then the person opens the address that was said. */
  openUrl(url: string): Promise<boolean>
  /** Draws an address as a QR code, where there is room for one. */
  showQr(url: string): Promise<void>
  /** The lines that the person pastes or that a pipe brings; undefined where nobody is to be asked. */
  lines: Lines | undefined
  /** A session over SSH without a display: no browser of this machine is in front of the person. */
  remote: boolean
  /** A person reads what is said. Where nobody does, a browser has to open, or the login ends. */
  attended: boolean
}

/** The secret of a client, and how it is sent (RFC 6749 §2.3.1). */
export interface ClientSecret {
  secret: Secret
  method: 'client_secret_basic' | 'client_secret_post'
}

export interface FlowContext {
  ui: FlowUi
  clock: Clock
  fetch: Fetch
  /** Aborted by Ctrl-C; its reason is thrown. */
  signal: AbortSignal
  /** How long the person may take, in milliseconds. */
  timeoutMs: number
  /** The name of this machine, where the server is to show it to the person. */
  machine?: string
}

export interface FlowRequest {
  provider: Provider
  /** A public client where there is no secret (RFC 8252 §8.4). */
  clientId: string
  clientSecret?: ClientSecret
  /** What the tokens are for (RFC 8707), where the server is to be told. */
  resource?: string
  /** Empty: none are named and the server gives its default ones. */
  scopes: readonly string[]
  /** The authorization request is sent to the server first (RFC 9126), also where it does not require that. */
  pushed?: boolean
  /** The tokens have to be bound to a key (RFC 9449); otherwise they are where the server requires it. */
  dpop?: boolean
}

/** What a grant gives: tokens, and the user whom the server named with them. */
export interface Redeemed {
  tokens: TokenSet
  identity?: Identity
}

/** What a flow gives. A browser tab may still be waiting to hear how the login ended. */
export interface Obtained extends Redeemed {
  /** Must be called once, when the login is known to have worked or not. */
  conclude(outcome: Outcome): Promise<void>
}

/**
 * @throws Fault `login_denied`, `login_timeout`, `unreachable`, `server_error`, `failed`; `prompt_needed`
 * where a code has to be pasted and nobody is there; the signal's reason when aborted.
 */
export type Flow = (request: FlowRequest, context: FlowContext) => Promise<Obtained>

/**
 * Owns: who is calling. Turns what a request presents into a `Principal`.
 * Refuses: everything that does not prove itself; two credentials at once.
 */
import type { User } from '../accounts/accounts.ts'
import { addressGroup, type Attempts } from '../accounts/login-attempts.ts'
import type { Scope } from '../../contract/token-scopes.ts'
import type { Principal } from '../rbac/principal.ts'
import { derived } from './compute-once-per-object.ts'
import type { Eventually } from './value-or-promise.ts'
import { administrator, userPrincipal } from './principals.ts'
import { sameSecret } from './constant-time-compare.ts'
import type { Refusal, SignedRequest } from './request-signature.ts'
import type { TokenBearers } from './bearer-tokens.ts'

/** What a request presents in its `Authorization` header. */
export type Presented =
  | { kind: 'none' }
  | { kind: 'malformed' }
  | { kind: 'basic'; username: string; password: string }
  | { kind: 'bearer'; token: string }

/** Reads an `Authorization` header (RFC 7617, RFC 6750 §2.1). */
export function readPresented(authorization: string | null): Presented {
  if (authorization === null) return { kind: 'none' }
  // As nearly all are. Whatever else may stand in it: it is compared with what was issued, and never read.
  if (authorization.startsWith('Bearer ') && !authorization.includes(' ', 7) && authorization.length > 7) {
    return { kind: 'bearer', token: authorization.slice(7) }
  }
  const text = authorization.trim()
  const scheme = /^\w+(?= )/.exec(text)?.[0] ?? ''
  const value = text.slice(scheme.length).trimStart()
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(value)) return { kind: 'malformed' }
  if (scheme.toLowerCase() === 'bearer') return { kind: 'bearer', token: value }
  return scheme.toLowerCase() === 'basic' ? readBasic(value) : { kind: 'malformed' }
}

function readBasic(value: string): Presented {
  const text = Buffer.from(value, 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 0) return { kind: 'malformed' }
  return { kind: 'basic', username: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Not looked at: too many attempts. Try again in `wait` seconds (429). */
export interface Slowed {
  wait: number
}

/** A name and a password that do not fit. `account` is for the records alone: who it would be, if the name is one. */
export interface WrongPassword {
  account: string | null
}

export type Outcome = Principal | Refusal | Slowed | WrongPassword | undefined

/** Where a request comes from. */
export interface From {
  readonly address: string
}

export interface Authenticator {
  /**
   * Undefined: not authenticated (401), and so is a wrong password. A refusal is a 401 too, of a good token in a
   * request that was not signed as it has to be; `request` is what a signature is checked against, and guesses are
   * counted by its address.
   */
  authenticate(presented: Presented, request: SignedRequest & From): Eventually<Outcome>
  /** The `WWW-Authenticate` of a 401. @param path the request's: some have metadata of their own */
  challenge(presented: Presented, path: string): string
}

type Tenant = Principal['tenant']

/** Nothing to prove: every caller is an administrator (S3). What is presented all the same is ignored. */
export function openAuthenticator(tenant: Tenant): Authenticator {
  return {
    authenticate: () => administrator('open', 'open', 'open access', tenant),
    challenge: () => 'Basic realm="fob"',
  }
}

/** Addresses that are remembered for having been let in. */
const MAX_KNOWN = 1000

/** One user. Guesses are slowed as those at the login form are. */
export function basicAuthenticator(
  tenant: Tenant,
  user: { username: string; password: { reveal(): string } },
  attempts: Attempts,
): Authenticator {
  const known = new Set<string>()
  return {
    authenticate(presented, { address }) {
      if (presented.kind !== 'basic') return undefined
      // Everybody is the same user here: strangers share one count, so that many addresses gain nothing, but
      // an address that was let in before has its own, so that strangers cannot shut it out.
      const from = addressGroup(address)
      const account = known.has(from) ? `known ${from}` : 'strangers'
      const wait = attempts.begin(account, address)
      if (wait > 0) return { wait }
      // Both are always compared, so that time does not tell which one was wrong.
      const name = sameSecret(presented.username, user.username)
      const password = sameSecret(presented.password, user.password.reveal())
      const id = `basic:${user.username}`
      if (!name || !password) return { account: name ? id : null }
      attempts.succeeded(account, address)
      const [oldest] = known
      if (!known.has(from) && known.size >= MAX_KNOWN && oldest !== undefined) known.delete(oldest)
      known.add(from)
      return administrator('basic', id, user.username, tenant)
    },
    challenge: () => 'Basic realm="fob", charset="UTF-8"',
  }
}

/** What the issuer knows of a token that it has verified. */
export interface VerifiedBearer {
  user: User
  scopes: readonly Scope[]
  jti: string
  /** Whether the program is one of ours; see `Principal.kind`. */
  own: boolean
}

/** Where RFC 9728 metadata is, which for `/mcp` has to name that very address (§3.3). */
export function resourceMetadataUrl(url: string, path: string): string {
  return `${url}/.well-known/oauth-protected-resource${path === '/mcp' ? path : ''}`
}

export function oauthAuthenticator(deps: {
  /** The server's public URL, for the challenge (RFC 9728 §5.1). */
  url: string
  verify(token: string): VerifiedBearer | undefined
  /** Tokens that are no JWT. */
  bearers: TokenBearers
}): Authenticator {
  const principalOf = derived(({ user, scopes, jti, own }: VerifiedBearer) =>
    userPrincipal(user, { kind: own ? 'user' : 'program', scopes, credential: { kind: 'jwt', id: jti } }),
  )
  return {
    authenticate(presented, request) {
      if (presented.kind !== 'bearer') return undefined
      if (deps.bearers.knows(presented.token)) return deps.bearers.admit(presented.token, request)
      const verified = deps.verify(presented.token)
      return verified && principalOf(verified)
    },
    challenge(presented, path) {
      const metadata = `resource_metadata="${resourceMetadataUrl(deps.url, path)}"`
      return presented.kind === 'none'
        ? `Bearer realm="fob", ${metadata}`
        : `Bearer realm="fob", error="invalid_token", ${metadata}`
    },
  }
}

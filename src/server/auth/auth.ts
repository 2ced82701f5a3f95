/**
 * Owns: who is calling. Turns the credential of a request into a `Principal`.
 * Refuses: every credential that is not proved; two credentials at once.
 */
import type { User } from '../accounts/user-types.ts'
import type { Attempts } from '../accounts/login-attempt-limits.ts'
import type { Scope } from '../../contract/token-scopes.ts'
import type { Principal } from '../access-rules/principal.ts'
import { type AuthenticationOutcome, NOT_AUTHENTICATED } from './authentication-outcome-type.ts'
import { derived } from './compute-once-per-object.ts'
import { type Eventually, whenThere } from './value-or-promise.ts'
import { administrator, userPrincipal, workloadPrincipal } from './create-principal.ts'
import { sameSecret } from './constant-time-compare.ts'
import type { SignedRequest } from './check-request-signature.ts'
import type { TokenBearers } from './authenticate-prefixed-tokens.ts'
import type { Workload } from '../trusted-issuers/admit-workload.ts'
import type { TrustedIssuers } from '../trusted-issuers/trusted-issuers.ts'

/** What a request presents in its `Authorization` header. */
export type Presented =
  | { kind: 'none' }
  | { kind: 'malformed' }
  | { kind: 'basic'; username: string; password: string }
  | { kind: 'bearer'; token: string }

/** Reads an `Authorization` header (RFC 7617, RFC 6750 §2.1). */
export function readPresented(authorization: string | null): Presented {
  if (authorization === null) return { kind: 'none' }
  // The common form, read without a regular expression. The token is compared with issued ones and never parsed here.
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

/** Where a request comes from. */
interface From {
  readonly address: string
  /** In the log lines of the same request. */
  readonly requestId?: string
}

export interface Authenticator {
  /**
   * Checks what a request presents. At once where nothing has to be waited for.
   * @param request what a signature is checked against; failed attempts are counted by its address
   */
  authenticate(presented: Presented, request: SignedRequest & From): Eventually<AuthenticationOutcome>
  /**
   * The `WWW-Authenticate` of a 401.
   * @param path the path of the request: some paths have metadata of their own
   */
  challenge(presented: Presented, path: string): string
}

type Tenant = Principal['tenant']

/** The strategy without authentication: every caller is an administrator. A presented credential is ignored. */
export function openAuthenticator(tenant: Tenant): Authenticator {
  return {
    authenticate: () => ({
      kind: 'admitted',
      principal: administrator('open', 'open', 'open access', tenant),
    }),
    challenge: () => 'Basic realm="fob"',
  }
}

/** All callers are the same user, so that many addresses gain nothing by guessing from each. */
const ONE_ACCOUNT = 'basic'

/** One user with a password. Guesses are slowed down as at the login form. */
export function basicAuthenticator(
  tenant: Tenant,
  user: { username: string; password: { reveal(): string } },
  attempts: Attempts,
): Authenticator {
  return {
    authenticate(presented, { address }) {
      if (presented.kind !== 'basic') return NOT_AUTHENTICATED
      const wait = attempts.start(ONE_ACCOUNT, address)
      if (wait > 0) return { kind: 'slowed', seconds: wait }
      // Both are always compared, so that the time does not tell which one was wrong.
      const name = sameSecret(presented.username, user.username)
      const password = sameSecret(presented.password, user.password.reveal())
      const id = `basic:${user.username}`
      if (!name || !password) return { kind: 'wrong_password', account: name ? id : null }
      attempts.succeeded(ONE_ACCOUNT, address)
      return { kind: 'admitted', principal: administrator('basic', id, user.username, tenant) }
    },
    challenge: () => 'Basic realm="fob", charset="UTF-8"',
  }
}

/** What the issuer knows about an access token that it has verified. */
interface VerifiedBearer {
  user: User
  scopes: readonly Scope[]
  jti: string
  /** Whether the program is part of fob; see `Principal.kind`. */
  own: boolean
}

/** The address of the RFC 9728 metadata. Those for `/mcp` have to name that address exactly (§3.3). */
export function resourceMetadataUrl(url: string, path: string): string {
  return `${url}/.well-known/oauth-protected-resource${path === '/mcp' ? path : ''}`
}

/** How every access token of ours starts: `{"alg":"HS256"`. No token of another issuer that is accepted does. */
const OWN_START = 'eyJhbGciOiJIUzI1NiI'

/** Access tokens of the issuer, tokens with a prefix, and JWTs of trusted issuers. */
export function oauthAuthenticator(deps: {
  /** The server's public URL, for the challenge (RFC 9728 §5.1). */
  url: string
  verify(token: string): VerifiedBearer | undefined
  /** For tokens with a prefix, which are not JWTs. */
  bearers: TokenBearers
  /** Undefined: no other issuer is trusted. */
  trusted?: Pick<TrustedIssuers, 'known' | 'verify'> | undefined
}): Authenticator {
  const { trusted } = deps
  const outcomeOf = derived(({ user, scopes, jti, own }: VerifiedBearer): AuthenticationOutcome => ({
    kind: 'admitted',
    principal: userPrincipal(user, {
      kind: own ? 'user' : 'program',
      scopes,
      credential: { kind: 'jwt', id: jti },
    }),
  }))
  const workloadOutcome = derived((workload: Workload): AuthenticationOutcome => ({
    kind: 'admitted',
    principal: workloadPrincipal(workload),
  }))
  const outcomeOfJwt = (token: string, request: From): Eventually<AuthenticationOutcome> => {
    const known = trusted === undefined || token.startsWith(OWN_START) ? undefined : trusted.known(token)
    if (known !== undefined) return workloadOutcome(known)
    const own = deps.verify(token)
    if (own !== undefined) return outcomeOf(own)
    if (trusted === undefined) return NOT_AUTHENTICATED
    return whenThere(trusted.verify(token, request), (workload) =>
      workload === undefined ? NOT_AUTHENTICATED : workloadOutcome(workload),
    )
  }
  return {
    authenticate(presented, request) {
      if (presented.kind !== 'bearer') return NOT_AUTHENTICATED
      const { token } = presented
      return deps.bearers.knows(token)
        ? deps.bearers.authenticate(token, request)
        : outcomeOfJwt(token, request)
    },
    challenge(presented, path) {
      const metadata = `resource_metadata="${resourceMetadataUrl(deps.url, path)}"`
      return presented.kind === 'none'
        ? `Bearer realm="fob", ${metadata}`
        : `Bearer realm="fob", error="invalid_token", ${metadata}`
    },
  }
}

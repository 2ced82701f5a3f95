/**
 * Owns: who is calling. Turns what a request presents into a `Principal`.
 * Refuses: everything that does not prove itself; two credentials at once.
 */
import type { User } from '../accounts/accounts.ts'
import { ALL_SCOPES, type Scope } from '../../contract/scopes.ts'
import type { Principal, Role } from '../rbac/principal.ts'
import { sameSecret } from './same-secret.ts'

/** What a request presents in its `Authorization` header. */
export type Presented =
  | { kind: 'none' }
  | { kind: 'malformed' }
  | { kind: 'basic'; username: string; password: string }
  | { kind: 'bearer'; token: string }

/** Reads an `Authorization` header (RFC 7617, RFC 6750 §2.1). */
export function readPresented(authorization: string | null): Presented {
  if (authorization === null) return { kind: 'none' }
  const match = /^(basic|bearer) +([A-Za-z0-9\-._~+/]+=*)$/i.exec(authorization.trim())
  const [, scheme, value] = match ?? []
  if (scheme === undefined || value === undefined) return { kind: 'malformed' }
  if (scheme.toLowerCase() === 'bearer') return { kind: 'bearer', token: value }
  const text = Buffer.from(value, 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 0) return { kind: 'malformed' }
  return { kind: 'basic', username: text.slice(0, colon), password: text.slice(colon + 1) }
}

export interface Authenticator {
  /** Undefined: not authenticated (401). */
  authenticate(presented: Presented): Promise<Principal | undefined>
  /** The `WWW-Authenticate` of a 401. */
  challenge(presented: Presented): string
}

type Tenant = Principal['tenant']

/** Nothing to prove: every caller is an administrator (S3). What is presented all the same is ignored. */
export function openAuthenticator(tenant: Tenant): Authenticator {
  return {
    authenticate: async () => administrator('open', 'open', 'open access', tenant),
    challenge: () => 'Basic realm="fob"',
  }
}

export function basicAuthenticator(
  tenant: Tenant,
  user: { username: string; password: { reveal(): string } },
): Authenticator {
  return {
    async authenticate(presented) {
      if (presented.kind !== 'basic') return undefined
      // Both are always compared, so that time does not tell which one was wrong.
      const name = sameSecret(presented.username, user.username)
      const password = sameSecret(presented.password, user.password.reveal())
      return name && password
        ? administrator('basic', `basic:${user.username}`, user.username, tenant)
        : undefined
    },
    challenge: () => 'Basic realm="fob", charset="UTF-8"',
  }
}

/** What the issuer knows of a token that it has verified. */
export interface VerifiedBearer {
  user: User
  scopes: readonly Scope[]
}

export function oauthAuthenticator(deps: {
  /** The server's public URL, for the challenge (RFC 9728 §5.1). */
  url: string
  verify(token: string): Promise<VerifiedBearer | undefined>
}): Authenticator {
  return {
    async authenticate(presented) {
      if (presented.kind !== 'bearer') return undefined
      const verified = await deps.verify(presented.token)
      if (verified === undefined) return undefined
      const { user, scopes } = verified
      return {
        kind: 'user',
        id: `${user.provider}:${user.subject}`,
        email: user.email,
        name: user.name,
        nickName: user.nickName,
        provider: user.provider,
        role: user.role,
        tenant: user.tenant,
        scopes: new Set(scopes.filter((scope) => allowedFor(user.role, scope))),
      }
    },
    challenge(presented) {
      const metadata = `resource_metadata="${deps.url}/.well-known/oauth-protected-resource"`
      return presented.kind === 'none'
        ? `Bearer realm="fob", ${metadata}`
        : `Bearer realm="fob", error="invalid_token", ${metadata}`
    },
  }
}

/** A role narrows what a token may do: a viewer only reads. */
function allowedFor(role: Role, scope: Scope): boolean {
  if (role === 'viewer') return scope.endsWith(':read')
  return role === 'admin' || scope !== 'runners:manage'
}

export function anonymous(tenant: Tenant): Principal {
  return {
    ...administrator('anonymous', 'anonymous', '', tenant),
    name: null,
    role: 'viewer',
    scopes: new Set(),
  }
}

function administrator(
  kind: 'open' | 'basic' | 'anonymous',
  id: string,
  name: string,
  tenant: Tenant,
): Principal {
  return {
    kind,
    id,
    email: null,
    name,
    nickName: null,
    provider: kind,
    role: 'admin',
    tenant,
    scopes: new Set(ALL_SCOPES),
  }
}

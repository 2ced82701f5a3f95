import { ALL_SCOPES, type Scope } from '../../contract/token-scopes.ts'

export type Role = 'admin' | 'member' | 'viewer'

/** Who is calling, once `auth` has believed it. */
export interface Principal {
  /**
   * `user`: a person, by a session of our pages or a login of a program of ours. `program`: a login of somebody
   * else's program, which may do what was consented to, and is neither the person nor an administrator.
   */
  kind: 'anonymous' | 'open' | 'basic' | 'user' | 'program' | 'token' | 'service' | 'runner' | 'webhook'
  /**
   * Stable and unique: `open`, `basic:<user>`, `<provider>:<subject>` (of a token, its owner's),
   * `service:<key's ID>`, `runner:<ID>`, `webhook:<pipeline's ID>`. What the records show.
   */
  id: string
  email: string | null
  name: string | null
  nickName: string | null
  avatarUrl: string | null
  provider: string
  /** What the provider said at the last login, from the user's record (ruling R5). */
  organizations: readonly string[]
  groups: readonly string[]
  role: Role
  tenant: { id: string; slug: string }
  /** A credential that belongs to one tenant is of no use in another, whatever its owner's memberships. */
  tenantBound: boolean
  /** What the presented credential carries, before the role narrowed it. */
  granted: ReadonlySet<Scope>
  /** What may be done: `granted`, narrowed by the role in this tenant, never widened by it. */
  scopes: ReadonlySet<Scope>
  /** The row of the person behind it in `users`; null where there is none (open, Basic, service, runner). */
  userId: string | null
  /** By which credential: what the records name. Its ID where it has one (`tok_…`, a `jti`), never its value. */
  credential: { kind: CredentialKind; id: string | null }
  /** IDs of the only pipelines that the credential reaches; null: all that the caller may see. */
  pipelines: ReadonlySet<string> | null
}

export type CredentialKind =
  | 'none'
  | 'basic'
  | 'session'
  | 'jwt'
  | 'token'
  | 'service-key'
  | 'service-token'
  | 'runner'
  | 'download'
  | 'webhook'

/** What of `granted` a role leaves: a viewer only reads. */
export function narrowed(granted: Iterable<Scope>, role: Role): ReadonlySet<Scope> {
  return new Set(
    [...granted].filter((scope) =>
      role === 'viewer' ? scope.endsWith(':read') : role === 'admin' || scope !== 'runners:manage',
    ),
  )
}

/** The same caller in another tenant, as what they are there. */
export function inTenant(principal: Principal, tenant: Principal['tenant'], role: Role): Principal {
  return { ...principal, tenant, role, scopes: narrowed(principal.granted, role) }
}

/**
 * Whether the caller administers the tenant, by a credential that was not narrowed to less. A login of somebody
 * else's program never does: no scope that a person could consent to says so.
 */
export function isAdministrator({ kind, role, scopes, pipelines }: Principal): boolean {
  const narrow = kind === 'program' || pipelines !== null
  return role === 'admin' && !narrow && ALL_SCOPES.every((scope) => scopes.has(scope))
}

/** Whether the credential is one for this pipeline. What else its owner may see is for the rules to say. */
export function reaches({ pipelines }: Principal, pipelineId: string): boolean {
  return pipelines === null || pipelines.has(pipelineId)
}

/** Who is calling, and what their role and credential allow. */
import { ALL_SCOPES, type Scope } from '../../contract/token-scopes.ts'

type Role = 'admin' | 'member' | 'viewer'

/** Who is calling, once `auth` has verified the credential. */
export interface Principal {
  /**
   * `user`: a person, by a session of our pages or a login of fob's own programs. `program`: a login of another
   * program, which may do what was consented to, and is neither the person nor an administrator. `workload`: a
   * program that a trusted issuer vouches for, such as a job of a CI.
   */
  kind:
    | 'anonymous'
    | 'open'
    | 'basic'
    | 'user'
    | 'program'
    | 'token'
    | 'service'
    | 'runner'
    | 'webhook'
    | 'workload'
  /**
   * Stable and unique: `open`, `basic:<user>`, `<provider>:<subject>` (of a token, its owner's),
   * `service:<key's ID>`, `runner:<ID>`, `webhook:<pipeline's ID>`,
   * `workload:<issuer's name>:<sub>`. The audit log shows it.
   */
  id: string
  email: string | null
  name: string | null
  nickName: string | null
  avatarUrl: string | null
  provider: string
  /** As the identity provider said when it was asked last, from the record of the user. */
  organizations: readonly string[]
  groups: readonly string[]
  memberships: Memberships
  role: Role
  tenant: { id: string; slug: string }
  /** Whether the credential is for this tenant alone, whatever the memberships of its owner. */
  tenantBound: boolean
  /** What the presented credential carries, before the role narrowed it. */
  granted: ReadonlySet<Scope>
  /** What may be done: `granted`, narrowed by the role in this tenant, never widened by it. */
  scopes: ReadonlySet<Scope>
  /** The ID of the person in `users`; null where there is none (open, Basic, service, runner). */
  userId: string | null
  /** The credential, as the audit log names it. Its ID where it has one (`tok_…`, a `jti`), never its value. */
  credential: {
    kind: CredentialKind
    id: string | null
    /** What its owner calls it, of tokens and service keys. */
    name?: string
  }
  /** IDs of the only pipelines that the credential reaches; null: all that the caller may see. */
  pipelines: ReadonlySet<string> | null
}

/** What is known of the organizations and groups of a caller. */
type Memberships =
  /** There are none: the caller does not come from an identity provider. */
  | { kind: 'none' }
  /** @property at milliseconds since 1970 */
  | { kind: 'read'; at: number }
  /** They are too old to decide on: a rule that asks for them cannot be evaluated. */
  | { kind: 'outdated' }

type CredentialKind =
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
  | 'workload'
  | 'workload-token'

/** The scopes that a role leaves of those that were granted: a viewer only reads. */
export function narrowed(granted: Iterable<Scope>, role: Role): ReadonlySet<Scope> {
  return new Set(
    [...granted].filter((scope) =>
      role === 'viewer' ? scope.endsWith(':read') : role === 'admin' || scope !== 'runners:manage',
    ),
  )
}

/** The same caller in another tenant, with their role there. */
export function inTenant(principal: Principal, tenant: Principal['tenant'], role: Role): Principal {
  return { ...principal, tenant, role, scopes: narrowed(principal.granted, role) }
}

/**
 * Whether the caller administers the tenant, by a credential with all scopes and pipelines. A login of another program
 * never does: no scope that a person could consent to stands for it.
 */
export function isAdministrator({ kind, role, scopes, pipelines }: Principal): boolean {
  const narrow = kind === 'program' || pipelines !== null
  return role === 'admin' && !narrow && ALL_SCOPES.every((scope) => scopes.has(scope))
}

/** Whether the credential includes this pipeline. Whether its owner sees the pipeline is decided by rules. */
export function reaches({ pipelines }: Principal, pipelineId: string): boolean {
  return pipelines === null || pipelines.has(pipelineId)
}

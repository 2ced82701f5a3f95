/** Creates the principals that credentials turn into. */
import type { User } from '../accounts/user-types.ts'
import { ALL_SCOPES, type Scope } from '../../contract/token-scopes.ts'
import { narrowed, type Principal } from '../access-rules/principal.ts'
import type { Workload } from '../trusted-issuers/admit-workload.ts'

type Tenant = Principal['tenant']

/** A user as the caller, in the tenant that `user` names: by a login, or by one of their tokens. */
export function userPrincipal(
  user: User,
  by: {
    /** `program` and `token` act for the user, but are not the user at the keyboard. */
    kind?: 'user' | 'program' | 'token'
    scopes: readonly Scope[]
    credential: Principal['credential']
    pipelines?: Principal['pipelines']
    tenantBound?: boolean
  },
): Principal {
  return {
    kind: by.kind ?? 'user',
    id: `${user.provider}:${user.subject}`,
    email: user.email,
    name: user.name,
    nickName: user.nickName,
    avatarUrl: user.avatarUrl,
    provider: user.provider,
    organizations: user.organizations,
    groups: user.groups,
    memberships:
      user.membershipsReadAt === null ? { kind: 'none' } : { kind: 'read', at: user.membershipsReadAt },
    userId: user.id,
    credential: by.credential,
    pipelines: by.pipelines ?? null,
    tenantBound: by.tenantBound ?? false,
    role: user.role,
    tenant: user.tenant,
    granted: new Set(by.scopes),
    scopes: narrowed(by.scopes, user.role),
  }
}

/** A caller that is not a person: it has the scopes it was given, and no role that could add to them. */
export function machine(
  kind: 'service' | 'runner' | 'webhook',
  about: {
    id: string
    name: string
    tenant: Tenant
    credential: Principal['credential']
    scopes: readonly Scope[]
    pipelines?: Principal['pipelines']
  },
): Principal {
  const scopes = new Set(about.scopes)
  return {
    ...anonymous(about.tenant),
    kind,
    id: about.id,
    name: about.name,
    provider: kind,
    credential: about.credential,
    pipelines: about.pipelines ?? null,
    role: kind === 'service' ? 'member' : 'viewer',
    granted: scopes,
    scopes,
  }
}

/** A program that a trusted issuer vouches for. It has no e-mail, owns nothing, and is in its issuer's tenant alone. */
export function workloadPrincipal({
  issuer,
  subject,
  token,
  tenant,
  scopes,
  pipelines,
}: Workload): Principal {
  const { name, role } = issuer
  return {
    ...anonymous(tenant),
    kind: 'workload',
    id: `workload:${name}:${subject}`,
    name: subject,
    provider: name,
    credential: { kind: token.kind === 'jwt' ? 'workload' : 'workload-token', id: token.id },
    pipelines,
    role,
    granted: new Set(scopes),
    scopes: narrowed(scopes, role),
  }
}

/** A caller with all scopes, where no person is known: without authentication, or by Basic. */
export function administrator(kind: 'open' | 'basic', id: string, name: string, tenant: Tenant): Principal {
  const scopes = new Set(ALL_SCOPES)
  return {
    ...anonymous(tenant),
    kind,
    id,
    name,
    provider: kind,
    credential: { kind: kind === 'basic' ? 'basic' : 'none', id: null },
    role: 'admin',
    granted: scopes,
    scopes,
  }
}

/** A caller without a credential, who may do nothing. */
export function anonymous(tenant: Tenant): Principal {
  return {
    kind: 'anonymous',
    id: 'anonymous',
    email: null,
    name: null,
    nickName: null,
    avatarUrl: null,
    provider: 'anonymous',
    organizations: [],
    groups: [],
    memberships: { kind: 'none' },
    userId: null,
    credential: { kind: 'none', id: null },
    pipelines: null,
    tenantBound: true,
    role: 'viewer',
    tenant,
    granted: new Set(),
    scopes: new Set(),
  }
}

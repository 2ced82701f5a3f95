/** Callers, in the form that guards see. */
import { ALL_SCOPES } from '../../../src/contract/token-scopes.ts'
import type { Principal } from '../../../src/server/access-rules/principal.ts'

/** A member of the tenant `default` with a login's token, but for what is `given`. */
export function principal(given: Partial<Principal> = {}): Principal {
  return {
    kind: 'user',
    id: 'github:4711',
    email: 'ada@company.com',
    name: 'Ada Smith',
    nickName: 'admin-ada',
    avatarUrl: 'https://example.com/ada.png',
    provider: 'github',
    organizations: ['myorg', 'other'],
    groups: ['staff'],
    memberships: { kind: 'read', at: 0 },
    userId: 'usr_1',
    credential: { kind: 'jwt', id: 'jti' },
    pipelines: null,
    tenantBound: false,
    role: 'admin',
    tenant: { id: 'ten_1', slug: 'default' },
    granted: new Set(ALL_SCOPES),
    scopes: new Set(ALL_SCOPES),
    ...given,
  }
}

/** Admits an authenticated caller to a tenant, past the server's own rule. */
import type { Eventually } from '../../auth/value-or-promise.ts'
import { inTenant, type Principal } from '../../access-rules/principal.ts'
import { HttpError } from '../response/http-error.ts'
import type { Services } from '../handler-services.ts'

/**
 * The caller in the tenant with this slug, with their role there; null: their own. At once for their own tenant.
 * @throws HttpError 403 `unknown_tenant` with the slugs that are possible, `not_admitted` by the server's rule
 */
export function enterTenant(
  principal: Principal,
  slug: string | null,
  services: Pick<Services, 'tenants' | 'rbac'>,
): Eventually<Principal> {
  const isOwn = slug === null || slug === principal.tenant.slug
  return isOwn ? requireRule(principal, services) : enterOtherTenant(principal, slug, services)
}

async function enterOtherTenant(
  principal: Principal,
  slug: string,
  services: Pick<Services, 'tenants' | 'rbac'>,
): Promise<Principal> {
  const { tenants } = services
  const { userId } = principal
  if (userId === null || principal.tenantBound) throw unknownTenant([principal.tenant.slug])
  const found = await tenants.membership(userId, slug)
  if (!found) {
    const memberships = await tenants.membershipsOf(userId)
    throw unknownTenant(memberships.map(({ tenant }) => tenant.slug))
  }
  const { tenant, role } = found
  return requireRule(inTenant(principal, { id: tenant.id, slug: tenant.slug }, role), services)
}

function requireRule(principal: Principal, { rbac }: Pick<Services, 'rbac'>): Principal {
  if (rbac.admits(principal)) return principal
  throw new HttpError(403, 'not_admitted', 'the rule of this server does not let you in', {
    details: { hint: 'ask its administrator; the rule is the setting --rbac' },
  })
}

/** The same response for a tenant that does not exist and for one that the caller is not a member of. */
function unknownTenant(slugs: readonly string[]): HttpError {
  return new HttpError(403, 'unknown_tenant', 'you are not a member of that tenant', {
    details: { tenants: slugs },
  })
}

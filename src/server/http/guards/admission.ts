import { type Eventually, whenThere } from '../../auth/value-or-promise.ts'
import { inTenant, type Principal } from '../../rbac/principal.ts'
import { HttpError } from '../response.ts'
import type { Services } from '../services.ts'

/**
 * Where a caller goes in, once it is known who it is: the tenant that `X-Tenant` names, as what they are
 * there, and past the server's own rule. Without a name it is the caller's default tenant.
 * @throws HttpError 403 `unknown_tenant` with the slugs that would do, `not_admitted`
 */
export function enter(
  principal: Principal,
  slug: string | null,
  services: Pick<Services, 'tenants' | 'rbac'>,
): Eventually<Principal> {
  const home = slug === null || slug === principal.tenant.slug
  return whenThere(home ? principal : choose(principal, slug, services), (inside) =>
    requireAdmission(inside, services),
  )
}

function requireAdmission(principal: Principal, { rbac }: Pick<Services, 'rbac'>): Principal {
  if (rbac.admits(principal)) return principal
  throw new HttpError(403, 'not_admitted', 'the rule of this server does not let you in', {
    details: { hint: 'ask its administrator; the rule is the setting --rbac' },
  })
}

async function choose(
  principal: Principal,
  slug: string,
  { tenants }: Pick<Services, 'tenants'>,
): Promise<Principal> {
  const { userId } = principal
  if (userId === null || principal.tenantBound) throw unknownTenant([principal.tenant.slug])
  const found = await tenants.membership(userId, slug)
  if (found) return inTenant(principal, { id: found.tenant.id, slug: found.tenant.slug }, found.role)
  const memberships = await tenants.membershipsOf(userId)
  throw unknownTenant(memberships.map(({ tenant }) => tenant.slug))
}

/** One answer for a tenant that is not there and for one that is none of the caller's business. */
function unknownTenant(slugs: readonly string[]): HttpError {
  return new HttpError(403, 'unknown_tenant', 'you are not a member of that tenant', {
    details: { tenants: slugs },
  })
}

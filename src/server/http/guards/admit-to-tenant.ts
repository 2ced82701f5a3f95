/** Admits an authenticated caller to a tenant, past the server's own rule. */
import type { Memberships } from '../../issuer/identity-providers/read-memberships-again.ts'
import { type Eventually, whenThere } from '../../auth/value-or-promise.ts'
import { inTenant, type Principal } from '../../access-rules/principal.ts'
import { HttpError } from '../response/http-error.ts'
import type { Services } from '../handler-services.ts'

type TenantServices = Pick<Services, 'tenants' | 'rbac' | 'issuer'>

/**
 * The caller in the tenant with this slug, with their role there; null: their own. At once for their own tenant.
 * @throws HttpError 403 `unknown_tenant` with the slugs that are possible, `not_admitted` by the server's rule
 */
export function enterTenant(
  principal: Principal,
  slug: string | null,
  services: TenantServices,
): Eventually<Principal> {
  return whenThere(withCurrentMemberships(principal, services), (caller) => {
    const isOwn = slug === null || slug === caller.tenant.slug
    return isOwn ? requireRule(caller, services) : enterOtherTenant(caller, slug, services)
  })
}

/**
 * The caller with memberships that a rule may decide on, read again where they have become too old; `outdated` where
 * that is not possible. At once as long as they are not, and where no rule asks for any.
 */
function withCurrentMemberships(
  principal: Principal,
  { issuer }: Pick<Services, 'issuer'>,
): Eventually<Principal> {
  const { memberships: known, userId } = principal
  if (known.kind !== 'read' || userId === null || issuer?.memberships.needReading(known.at) !== true) {
    return principal
  }
  return readMembershipsAgain(principal, userId, issuer.memberships)
}

async function readMembershipsAgain(
  principal: Principal,
  userId: string,
  memberships: Memberships,
): Promise<Principal> {
  const now = await memberships.readAgain(userId)
  if (now.kind === 'outdated') return { ...principal, memberships: now }
  const { at, organizations, groups } = now
  return { ...principal, organizations, groups, memberships: { kind: 'read', at } }
}

async function enterOtherTenant(
  principal: Principal,
  slug: string,
  services: TenantServices,
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
  if (principal.memberships.kind === 'outdated' && rbac.serverAsksForMemberships) {
    const message =
      'the rule of this server asks for your organizations or groups, and they are not known any more'
    throw new HttpError(403, 'memberships_outdated', message, { details: { hint: LOG_IN_AGAIN } })
  }
  throw new HttpError(403, 'not_admitted', 'the rule of this server does not let you in', {
    details: { hint: 'ask its administrator; the rule is the setting --rbac' },
  })
}

const LOG_IN_AGAIN = 'log in again: fob auth login; while the identity provider is down, try again later'

/**
 * The response of a handler. A caller with outdated memberships is told so with a 404, in the same words whether or
 * not a rule has something for them.
 */
export async function withMembershipHint(
  { memberships }: Principal,
  respond: () => Eventually<Response>,
): Promise<Response> {
  try {
    return await respond()
  } catch (error) {
    if (!(error instanceof HttpError) || error.status !== 404 || memberships.kind !== 'outdated') throw error
    const hint = `your organizations and groups are not known any more, so what rules show to them is left out; ${LOG_IN_AGAIN}`
    const { code, message, details, headers } = error
    throw new HttpError(404, code, message, { details: { ...details, hint }, headers })
  }
}

/** The same response for a tenant that does not exist and for one that the caller is not a member of. */
function unknownTenant(slugs: readonly string[]): HttpError {
  return new HttpError(403, 'unknown_tenant', 'you are not a member of that tenant', {
    details: { tenants: slugs },
  })
}

/** The caller's tenants in the API. */
import { json } from '../response/json-response.ts'
import type { Handler } from '../request-context.ts'

/** `GET /api/v1/tenants`: `current` is the one of this request. */
export const listTenants: Handler = async ({ principal }, { tenants }) => {
  const { userId, tenant, role, tenantBound } = principal
  const memberships = userId === null ? [] : await tenants.membershipsOf(userId)
  const reachable = memberships.filter((one) => !tenantBound || one.tenant.id === tenant.id)
  // A caller without an account (open, Basic, a service) is in one tenant all the same.
  const own = reachable.length > 0 ? reachable : [{ tenant: { ...(await tenants.get(tenant.slug)) }, role }]
  const items = own.map((membership) => ({
    id: membership.tenant.id,
    slug: membership.tenant.slug,
    name: membership.tenant.name,
    role: membership.role,
    current: membership.tenant.id === tenant.id,
  }))
  return json({ items, next: null })
}

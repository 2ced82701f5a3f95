/** The response of `GET /api/v1/tenants`. */
import * as v from 'valibot'

/** One of `GET /api/v1/tenants`: a tenant that the caller is a member of. */
export const tenantResponse = v.looseObject({
  id: v.string(),
  slug: v.string(),
  name: v.nullish(v.string()),
  /** What the caller is there. */
  role: v.nullish(v.string()),
  /** The call itself was made in it. */
  current: v.optional(v.boolean()),
})
export type TenantResponse = v.InferOutput<typeof tenantResponse>

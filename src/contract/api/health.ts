/** The response of `GET /api/health`. */
import * as v from 'valibot'

export const healthResponse = v.looseObject({
  /** `degraded`: nothing can be stored, and `reason` says why. */
  status: v.picklist(['ok', 'degraded']),
  version: v.string(),
  strategy: v.picklist(['open', 'basic', 'oauth']),
  reason: v.optional(v.string()),
})

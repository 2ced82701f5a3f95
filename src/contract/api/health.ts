/** The response of `GET /api/health`. */
import * as v from 'valibot'

export const healthResponse = v.looseObject({
  status: v.literal('ok'),
  version: v.string(),
  strategy: v.picklist(['open', 'basic', 'oauth']),
})

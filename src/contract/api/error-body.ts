/** The body of a refusal by the API. */
import * as v from 'valibot'

/** Any error of the API. OAuth routes have RFC 6749's shape instead. */
export const errorResponse = v.looseObject({ error: v.string(), message: v.optional(v.string()) })

import { HttpError } from '../http-error.ts'
import type { Handler } from '../call.ts'

/** Hands a request of the OAuth protocol to the issuer, which authenticates it as the protocol says. */
export const oauth: Handler = ({ request, address }, { issuer }) => {
  if (issuer === undefined) throw new HttpError(404, 'not_found', 'this server has no OAuth')
  return issuer.handle(request, address)
}

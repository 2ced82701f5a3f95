/** The endpoints of the OAuth protocol. */
import type { Call, Handler } from '../request-context.ts'
import { errorPage } from '../response/error-page.ts'
import { HttpError, noRoom } from '../response/http-error.ts'
import { hostOf, requireIssuer, type Services } from '../handler-services.ts'

/** Hands the request to the issuer, which authenticates it as the protocol says. */
export const oauth: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const { address } = call
  if (!call.isRead) await call.body()
  const response = await issuer.handle(call.request, address)
  // The library turns an error of the database into a response of its own.
  const isFull = response.status >= 500 && (await services.disk.look())
  return isFull ? noRoomToLogIn(call, services) : response
}

/** For programs in the form of RFC 6749 §5.2, for people as a page. */
function noRoomToLogIn({ request }: Call, services: Services): Response | Promise<Response> {
  const refusal = noRoom()
  const { status, message, details } = refusal
  if (request.headers.get('accept')?.includes('text/html') === true)
    return errorPage(refusal, hostOf(services))
  const more = { details: { error_description: message, ...details } }
  return new HttpError(status, 'server_error', message, more).toResponse()
}

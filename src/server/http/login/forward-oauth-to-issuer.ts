/** The endpoints of the OAuth protocol. */
import type { Handler } from '../request-context.ts'
import { requireIssuer } from '../handler-services.ts'

/** Hands the request to the issuer, which authenticates it as the protocol says. */
export const oauth: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const { address } = call
  if (!call.isRead) await call.body()
  return issuer.handle(call.request, address)
}

/** The endpoints of the OAuth protocol. */
import type { Handler } from '../request-context.ts'
import { requireIssuer } from '../handler-services.ts'

/** Hands the request to the issuer, which authenticates it as the protocol says. */
export const oauth: Handler = ({ request, address }, services) =>
  requireIssuer(services).handle(request, address)

import type { Scope } from '../../../contract/token-scopes.ts'
import { HttpError } from '../response.ts'
import type { Call, Handler } from '../call.ts'
import { authenticate } from './authenticate.ts'
import { enter } from './admission.ts'
import { readFormFields } from '../form-body.ts'
import type { Services } from '../services.ts'
import { inSession } from './session-guard.ts'

/**
 * The guard of pages that every kind of server has: of a session where people log in, else as the API decides,
 * so that a browser asks for the name and password of Basic by itself.
 */
export async function onPage(
  scope: Scope,
  handler: Handler,
  call: Call,
  services: Services,
): Promise<Response> {
  const allowed: Handler = (admitted) => {
    requireScope(admitted, scope)
    return handler(admitted, services)
  }
  if (services.issuer) return inSession(allowed, call, services)
  const caller = await authenticate(call, services)
  const principal = await enter(caller, call.url.searchParams.get('tenant'), services)
  const admitted = call.admit({ principal })
  if (call.isRead) return allowed(admitted, services)
  return allowed(admitted.admit({ principal, form: await ownForm(admitted) }), services)
}

/** A page shows no button for what the caller may not do; this is for those who ask all the same. */
function requireScope({ principal }: Call, scope: Scope): void {
  if (principal.scopes.has(scope)) return
  throw new HttpError(403, 'insufficient_scope', `this needs the permission ${scope}`)
}

/**
 * Without a session there is no value that only our own page knows. What stands in for it is that a browser says
 * where a form comes from (`guardOrigin` has refused other sites): who says nothing is refused here.
 */
async function ownForm({ request }: Call): Promise<URLSearchParams> {
  const { headers } = request
  const says = headers.has('origin') || headers.has('sec-fetch-site')
  const form = says ? await readFormFields(request) : undefined
  if (form) return form
  throw new HttpError(says ? 400 : 403, 'invalid_request', 'that form could not be read')
}

/** The form that was sent to a page. */
export function formOf({ session, form }: Call): URLSearchParams {
  return session?.form ?? form ?? new URLSearchParams()
}

/** The guard of pages that every kind of server has, with and without logins. */
import type { Scope } from '../../../contract/token-scopes.ts'
import type { Call, Handler } from '../request-context.ts'
import { MAX_FORM_BYTES_INSIDE, readFormFields } from '../request/form-body.ts'
import { HttpError } from '../response/http-error.ts'
import type { Services } from '../handler-services.ts'
import { requireScope } from './require-permission.ts'
import { admit } from './credential-guard.ts'
import { inSession } from './session-guard.ts'

/**
 * By the session where people log in; else as the API decides, so that a browser asks for the name and password of
 * Basic by itself.
 * @throws HttpError 400, 401, 403 or 429
 */
export async function onPage(
  scope: Scope,
  handler: Handler,
  call: Call,
  services: Services,
): Promise<Response> {
  // A page shows no button for what the caller may not do; this refuses those who send the request all the same.
  const allowed: Handler = (admitted) => {
    requireScope(admitted.principal, scope)
    return handler(admitted, services)
  }
  if (services.issuer) return inSession(allowed, call, services)
  const principal = await admit(call, call.url.searchParams.get('tenant'), services)
  const form = call.isRead ? undefined : await ownForm(call)
  return allowed(call.admit(form === undefined ? { principal } : { principal, form }), services)
}

/**
 * Without a session there is no value that only our own page knows. Instead, a browser says where a form comes from
 * (`guardOrigin` has refused other sites), and a request that does not say it is refused here.
 */
async function ownForm(call: Call): Promise<URLSearchParams> {
  const { headers } = call
  const says = headers.has('origin') || headers.has('sec-fetch-site')
  const form = says ? await readFormFields(call, MAX_FORM_BYTES_INSIDE) : undefined
  if (form) return form
  throw new HttpError(says ? 400 : 403, 'invalid_request', 'that form could not be read')
}

/** The form that was sent to a page. */
export function formOf({ session, form }: Call): URLSearchParams {
  return session?.form ?? form ?? new URLSearchParams()
}

/** The guard of pages for people who are logged in in this browser. */
import { ALL_SCOPES } from '../../../contract/token-scopes.ts'
import { sameSecret } from '../../auth/constant-time-compare.ts'
import { userPrincipal } from '../../auth/create-principal.ts'
import type { Principal } from '../../access-rules/principal.ts'
import { renderMessage } from '../../web/login-consent-and-message-templates.ts'
import type { Call, Handler } from '../request-context.ts'
import { MAX_FORM_BYTES_INSIDE, readFormFields } from '../request/form-body.ts'
import { HttpError } from '../response/http-error.ts'
import { errorPage } from '../response/error-page.ts'
import { pageResponse } from '../response/page-response.ts'
import { redirect } from '../response/see-other-redirect.ts'
import { hostOf, requireIssuer, type Services } from '../handler-services.ts'
import { enterTenant } from './admit-to-tenant.ts'

/**
 * Sends a browser without a session to the login, and back afterwards. A form is read here, and refused unless it
 * carries the `csrf` value of the session, so no page can forget to check it.
 * @throws HttpError 404 where the server has no logins
 */
export async function inSession(handler: Handler, call: Call, services: Services): Promise<Response> {
  const session = await requireIssuer(services).sessionOf(call.request.headers.get('cookie'))
  if (!session) return call.isRead ? toLogin(call) : endedPage()
  const form = call.isRead ? new URLSearchParams() : await readFormFields(call, MAX_FORM_BYTES_INSIDE)
  if (!form) return refusal(400, 'That form could not be read', 'Go back, reload the page and try again.')
  if (!call.isRead && !sameSecret(form.get('csrf') ?? '', session.csrf)) {
    services.log.warn('form without its session value', { requestId: call.requestId, address: call.address })
    const text =
      'The page was too old, or the form came from another website. Nothing was changed. Reload the page.'
    return refusal(403, 'That form was not accepted', text)
  }
  const { uid, csrf, user } = session
  const principal = userPrincipal(user, { scopes: ALL_SCOPES, credential: { kind: 'session', id: uid } })
  const inside = await inTenantOfQuery(principal, call, services)
  if (inside instanceof Response) return inside
  try {
    return await handler(call.admit({ principal: inside, session: { uid, csrf, user, form } }), services)
  } catch (error) {
    if (!(error instanceof HttpError) || error.status >= 500) throw error
    return errorPage(error, hostOf(services))
  }
}

/** The same decision as for the API, with a page for a refusal. `?tenant=` names another tenant of the person. */
async function inTenantOfQuery(
  principal: Principal,
  call: Call,
  services: Services,
): Promise<Principal | Response> {
  // A person who is not admitted can still sign out.
  if (call.url.pathname === '/auth/logout') return principal
  try {
    return await enterTenant(principal, call.url.searchParams.get('tenant'), services)
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    const text = `You are logged in, but ${error.message}.`
    return refusal(error.status, 'You are not let in', text, { text: 'Sign out', href: '/auth/logout' })
  }
}

function toLogin({ url }: Call): Response {
  return redirect(`/auth/login?next=${encodeURIComponent(url.pathname + url.search)}`)
}

function endedPage(): Promise<Response> {
  return refusal(401, 'You are no longer logged in', 'Nothing was changed. Log in again and repeat it.', {
    text: 'Log in',
    href: '/auth/login',
  })
}

async function refusal(
  status: number,
  title: string,
  text: string,
  link?: { text: string; href: string },
): Promise<Response> {
  return pageResponse(await renderMessage({ title, text, link }), status)
}

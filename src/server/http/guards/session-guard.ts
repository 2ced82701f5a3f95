import * as v from 'valibot'
import { ALL_SCOPES } from '../../../contract/token-scopes.ts'
import { userPrincipal } from '../../auth/principals.ts'
import { sameSecret } from '../../auth/constant-time-compare.ts'
import type { Principal } from '../../rbac/principal.ts'
import { renderMessage } from '../../web/login-and-message-templates.ts'
import { HttpError } from '../response.ts'
import type { Call, Handler } from '../call.ts'
import { enter } from './admission.ts'
import { errorPage } from '../pages/error-page.ts'
import { readFormFields } from '../form-body.ts'
import type { Services } from '../services.ts'

/**
 * The guard of pages for people who are logged in in this browser. Whoever is not is sent to log in, and
 * comes back. A form is read here, and refused unless it carries the session's own value: no page can forget.
 * @throws HttpError 404 where the server has no logins
 */
export async function inSession(handler: Handler, call: Call, services: Services): Promise<Response> {
  const { issuer } = services
  if (!issuer) throw new HttpError(404, 'not_found', 'this server has no logins')
  const session = await issuer.sessionOf(call.request.headers.get('cookie'))
  const reading = call.isRead
  if (!session) return reading ? toLogin(call) : endedPage()
  const form = reading ? new URLSearchParams() : await readFormFields(call.request)
  if (!form) return refusal(400, 'That form could not be read', 'Go back, reload the page and try again.')
  if (!reading && !sameSecret(form.get('csrf') ?? '', session.csrf)) {
    services.log.warn('form without its session value', { requestId: call.requestId, address: call.address })
    const text =
      'The page was too old, or the form came from elsewhere. Nothing was changed. Reload the page.'
    return refusal(403, 'That form was not accepted', text)
  }
  const { uid, csrf, user } = session
  const principal = userPrincipal(user, { scopes: ALL_SCOPES, credential: { kind: 'session', id: uid } })
  const inside = await admitted(principal, call, services)
  if (inside instanceof Response) return inside
  try {
    return await handler(call.admit({ principal: inside, session: { uid, csrf, user, form } }), services)
  } catch (error) {
    if (!(error instanceof HttpError) || error.status >= 500) throw error
    return errorPage(error, new URL(services.settings.url).host)
  }
}

/** The same decision as for the API, said in words. `?tenant=` names another tenant of the person's. */
async function admitted(principal: Principal, call: Call, services: Services): Promise<Principal | Response> {
  // Whoever is not let in can still sign out.
  if (call.url.pathname === '/auth/logout') return principal
  try {
    return await enter(principal, call.url.searchParams.get('tenant'), services)
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    const text = `You are logged in, but ${error.message}.`
    return refusal(error.status, 'You are not let in', text, { text: 'Sign out', href: '/auth/logout' })
  }
}

/**
 * The fields of a page's form, checked. A field that is given twice is refused unless it is one of `lists`,
 * whose values always come as an array.
 */
export function readFields<T>(
  form: URLSearchParams,
  schema: v.GenericSchema<unknown, T>,
  lists: readonly string[] = [],
): T | undefined {
  const fields: Record<string, string | string[]> = {}
  for (const name of new Set([...form.keys(), ...lists])) {
    const values = form.getAll(name)
    if (lists.includes(name)) fields[name] = values
    else if (values.length === 1 && values[0] !== undefined) fields[name] = values[0]
    else return undefined
  }
  const parsed = v.safeParse(schema, fields)
  return parsed.success ? parsed.output : undefined
}

function toLogin({ url }: Call): Response {
  const next = encodeURIComponent(url.pathname + url.search)
  const headers = { location: `/auth/login?next=${next}`, 'cache-control': 'no-store' }
  return new Response(null, { status: 303, headers })
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
  const { html, headers } = await renderMessage({ title, text, link })
  return new Response(html, { status, headers })
}

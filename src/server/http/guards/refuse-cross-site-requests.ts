/** Refuses requests that a browser sends for another website. */
import { HttpError } from '../response/http-error.ts'
import type { Call } from '../request-context.ts'
import type { Services } from '../handler-services.ts'

const PROTOCOL_PATHS: ReadonlySet<string> = new Set([
  '/oauth/token',
  '/oauth/revoke',
  '/oauth/introspect',
  '/oauth/register',
  '/oauth/device_authorization',
])

/**
 * A browser names the site that a request comes from. A request that changes something has to come from our own pages
 * or from a program that is not a browser. On a server without authentication the `Host` must be a known name too:
 * otherwise a page could point its own name at 127.0.0.1 (DNS rebinding) and look like ours.
 * @throws HttpError 403
 */
export function guardOrigin(call: Call, settings: Services['settings']): void {
  const { headers } = call
  if (settings.hosts !== undefined && !settings.hosts.has(call.url.hostname)) {
    throw new HttpError(403, 'wrong_host', 'this server does not have that name')
  }
  if (call.isRead) return
  // The endpoints of the protocol may be called from anywhere: a cookie is not a credential there.
  if (PROTOCOL_PATHS.has(call.path)) return
  const origin = headers.get('origin')
  const site = headers.get('sec-fetch-site')
  const foreign =
    origin !== null
      ? origin !== settings.url && origin !== call.url.origin
      : site !== null && site !== 'same-origin'
  if (foreign && !(origin === null && site === 'none')) {
    throw new HttpError(403, 'cross_site', 'requests from other websites are refused')
  }
}

import { HttpError } from '../response.ts'
import type { Call } from '../call.ts'
import type { Services } from '../services.ts'

const PROTOCOL: ReadonlySet<string> = new Set([
  '/oauth/token',
  '/oauth/revoke',
  '/oauth/introspect',
  '/oauth/register',
  '/oauth/device_authorization',
])

/**
 * Keeps other websites out. A browser names the site that a request comes from; whatever changes something
 * has to come from ours or from a program that is no browser. Where nobody has to log in, the `Host` must be
 * a name of ours too, or a page could point its own name at 127.0.0.1 (DNS rebinding) and be "ours".
 * @throws HttpError 403
 */
export function guardOrigin(call: Call, settings: Services['settings']): void {
  const { headers } = call
  if (settings.hosts !== undefined && !settings.hosts.has(call.url.hostname)) {
    throw new HttpError(403, 'wrong_host', 'this server does not answer to that name')
  }
  if (call.isRead) return
  // The protocol's own endpoints may be called from anywhere: they take no cookie for a credential.
  if (PROTOCOL.has(call.path)) return
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

/** One request to the server: its headers, redirects within its origin, and a bounded response. */
import { Fault } from '../../contract/fault.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import { readBounded } from '../../platform/network/bounded-body.ts'
import { safeLine } from '../../platform/terminal/make-text-printable.ts'
import { HttpRefusal } from './remote-interface.ts'

/** Of one message from the server: three times the largest result that hosts are known to take. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024
const MAX_REFUSAL_BYTES = 64 * 1024
const MAX_REDIRECTS = 5

export const JSON_TYPE = 'application/json'
export const EVENTS_TYPE = 'text/event-stream'

/** The media type of a response, in lower case and without parameters. */
export function typeOf(response: Response): string {
  return (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

/**
 * Sends without an idle time-out, as a stream may be silent for hours. A redirect is followed where it keeps the method
 * and stays in the origin: elsewhere the headers, and the credential in them, must not go.
 * @throws Fault `config` for a redirect to another origin, `server_error` for one in a circle; what `fetch` throws
 */
export async function request(fetch: Fetch, url: string, init: RequestInit): Promise<Response> {
  let place = new URL(url)
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const options: BunFetchRequestInit & { timeout: false } = { ...init, redirect: 'manual', timeout: false }
    const response = await fetch(place.href, options)
    const location = response.headers.get('location')
    const isRedirect = [301, 302, 303, 307, 308].includes(response.status)
    if (!isRedirect || location === null || !URL.canParse(location, place.href)) return response
    await response.body?.cancel()
    const next = new URL(location, place)
    const keepsMethod = response.status === 307 || response.status === 308 || init.method === 'GET'
    if (next.origin !== place.origin || !keepsMethod) throw elsewhere(place, next)
    place = next
  }
  throw new Fault('server_error', `${new URL(url).origin} redirects in a circle`)
}

/** The text of a response, up to the bound. @throws Fault `server_error` beyond it */
export async function bodyOf(response: Response): Promise<string> {
  const text = await readBounded(response, MAX_MESSAGE_BYTES)
  if (text !== undefined) return text
  throw new Fault('server_error', 'the server sent too large a message')
}

/** The response as an error. */
export async function refusalOf(response: Response): Promise<HttpRefusal> {
  const body = (await readBounded(response, MAX_REFUSAL_BYTES).catch(() => undefined)) ?? ''
  return new HttpRefusal(response.status, body)
}

function elsewhere(from: URL, to: URL): Fault {
  const isWeb = to.protocol === 'https:' || to.protocol === 'http:'
  const named = isWeb ? safeLine(`${to.origin}${to.pathname}`) : 'an address of another kind'
  return new Fault('config', `${from.origin} redirects to ${named}`, {
    hint: isWeb
      ? 'if that is the server, name it in place of this one'
      : 'its address is not set up correctly',
  })
}

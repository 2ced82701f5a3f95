/**
 * `fetch` to the addresses that a remote server names for a login: the internet, and the host of the server itself, which
 * the user has named. Another one could make this machine ask its own network.
 */
import { Fault } from '../../contract/fault.ts'
import { openNetwork } from '../../guarded-fetch/allowed-networks.ts'
import {
  createGuardedFetch,
  type GuardedResponse,
  hostOf,
} from '../../guarded-fetch/request-checked-address.ts'
import type { Fetch } from '../../platform/fetch-type.ts'

const MAX_RESPONSE_BYTES = 4 * 1024 * 1024
const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304])

/**
 * @param url of the server
 * @param resolve all addresses of a name; without it, the system resolves names
 */
export function guardedLoginFetch(
  url: string,
  { userAgent, resolve }: { userAgent: string; resolve?: (host: string) => Promise<string[]> },
): Fetch {
  const network = openNetwork([hostOf(new URL(url))])
  const send = createGuardedFetch({
    network,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    ...(resolve === undefined ? {} : { resolve }),
  })
  return async (target, init = {}) => {
    const headers = new Headers(init.headers)
    if (!headers.has('user-agent')) headers.set('user-agent', userAgent)
    const place = new URL(target)
    const response = await send({
      url: place,
      method: init.method ?? 'GET',
      headers: Object.fromEntries(headers),
      body: textOf(init.body),
      signal: init.signal ?? new AbortController().signal,
    }).catch((error: unknown): never => {
      throw error instanceof Fault && error.code === 'forbidden' ? refused(place) : error
    })
    return responseOf(response)
  }
}

function textOf(body: RequestInit['body']): string | undefined {
  if (body === null || body === undefined) return undefined
  if (typeof body === 'string') return body
  if (body instanceof URLSearchParams) return body.toString()
  throw new Error('requests of OAuth have a text as their body')
}

/** The body has been decompressed. */
function responseOf({ status, headers, body }: GuardedResponse): Response {
  const { 'content-encoding': _encoding, 'content-length': _length, ...others } = headers
  return new Response(NO_BODY.has(status) ? null : new Uint8Array(body), { status, headers: others })
}

function refused({ host }: URL): Fault {
  return new Fault(
    'forbidden',
    `the server names ${host} for its login, which is not a place on the internet`,
    {
      hint: 'where that is right, as in a company network, add --allow-private',
    },
  )
}

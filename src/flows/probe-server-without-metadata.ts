/**
 * Whether a server that publishes no metadata is an authorization server at all, asked before a browser opens: on
 * another address the person would look at an error page, and fob would wait for minutes.
 */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { isOpenable } from '../platform/browser/open-browser.ts'
import { parseJson } from '../platform/parse-json.ts'
import { readResponse } from './bounded-response.ts'
import { type DiscoveryContext, readMetadata } from './fetch-server-metadata.ts'
import { metadataPlaces, type Provider } from './server-discovery.ts'

const TIMEOUT_MS = 15_000
/** No such path, or none that takes this method. */
const NOT_THERE: ReadonlySet<number> = new Set([404, 405, 410, 501])
/** Of the address that was given, its parents are tried; so many at most. */
const MAX_PARENTS = 4

/** RFC 6749 §5.2. */
const errorSchema = v.looseObject({ error: v.string() })

/**
 * Checks a provider whose endpoints are those of convention.
 * @throws Fault `not_found` where there is no authorization server, with what was looked for, and with the address of
 * one above it; the signal's reason.
 */
export async function requireAuthorizationServer(
  { issuer: server, authorizationEndpoint, tokenEndpoint }: Provider,
  clientId: string,
  context: DiscoveryContext,
): Promise<void> {
  const ask = (url: string, init: RequestInit = {}) => send(url, init, context)
  const query = new URLSearchParams({ response_type: 'code', client_id: clientId })
  const asked = await ask(`${authorizationEndpoint}?${query.toString()}`)
  if (asked === undefined) return
  const { status } = asked
  if (NOT_THERE.has(status)) throw await noServer(server, context)
  // A web application or a login wall may have one response to every path: then only the token endpoint can tell.
  const anyPath = await ask(`${server}/oauth/there-is-no-such-path`)
  if (anyPath?.status !== status) return
  const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: clientId })
  const token = await ask(tokenEndpoint, { method: 'POST', body })
  if (token === undefined) return
  const { text } = token
  if (!v.is(errorSchema, parseJson(text))) throw await noServer(server, context)
}

/**
 * Undefined where no response comes: the server has responded to discovery a moment before, so what fails is how it
 * takes an incomplete request. Some applications end the connection at one.
 */
async function send(
  url: string,
  init: RequestInit,
  { fetch, signal }: DiscoveryContext,
): Promise<{ status: number; text: string } | undefined> {
  try {
    const response = await fetch(url, {
      ...init,
      headers: { accept: 'application/json, text/html' },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    return { status: response.status, text: await readResponse(response, url) }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof Fault) throw error
    return undefined
  }
}

async function noServer(server: string, context: DiscoveryContext): Promise<Fault> {
  const { origin } = new URL(server)
  const places = [...metadataPlaces(server).map(([, url]) => url), `${server}/oauth/authorize`]
  const paths = places.map((url) => url.slice(origin.length))
  const parent = await serverAbove(server, context)
  return new Fault('not_found', `there is no OAuth server at ${server}: it has none of ${paths.join(', ')}`, {
    hint:
      parent === undefined
        ? 'is this the address of the server? name another with -s URL or FOB_SERVER'
        : `there is one at ${parent}: name it with -s ${parent}`,
  })
}

/** The address of a page of the server was given: the server itself is above it. */
async function serverAbove(server: string, context: DiscoveryContext): Promise<string | undefined> {
  const { origin, pathname } = new URL(server)
  const parts = pathname.split('/').filter((part) => part !== '')
  for (let kept = parts.length - 1; kept >= 0 && parts.length - kept <= MAX_PARENTS; kept--) {
    const parent = [origin, ...parts.slice(0, kept)].join('/')
    for (const [, url] of metadataPlaces(parent)) {
      const result = await readMetadata(url, parent, context).catch(() => undefined)
      // It may be known by another name than the one that was given.
      if (result?.kind === 'found' && isOpenable(result.metadata.issuer)) {
        return new URL(result.metadata.issuer).href.replace(/\/$/, '')
      }
    }
  }
  return undefined
}

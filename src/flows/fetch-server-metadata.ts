/** One metadata document of an authorization server: where it is, read within the server's origin, and its shape. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { parseJson } from '../platform/parse-json.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import { cannotReach } from '../platform/network/describe-fetch-failure.ts'
import { readIfOk } from './bounded-response.ts'

const metadataSchema = v.looseObject({
  issuer: v.string(),
  authorization_endpoint: v.string(),
  token_endpoint: v.string(),
  revocation_endpoint: v.optional(v.string()),
  device_authorization_endpoint: v.optional(v.string()),
  userinfo_endpoint: v.optional(v.string()),
  // Of no standard, but some servers publish it, and there is no other word for out-of-band.
  redirect_uris_supported: v.optional(v.array(v.string())),
  jwks_uri: v.optional(v.string()),
  scopes_supported: v.optional(v.array(v.string())),
  authorization_response_iss_parameter_supported: v.optional(v.boolean()),
  id_token_signing_alg_values_supported: v.optional(v.array(v.string())),
  pushed_authorization_request_endpoint: v.optional(v.string()),
  require_pushed_authorization_requests: v.optional(v.boolean()),
  dpop_signing_alg_values_supported: v.optional(v.array(v.string())),
  registration_endpoint: v.optional(v.string()),
  code_challenge_methods_supported: v.optional(v.array(v.string())),
  token_endpoint_auth_methods_supported: v.optional(v.array(v.string())),
  client_id_metadata_document_supported: v.optional(v.boolean()),
})
export type Metadata = v.InferOutput<typeof metadataSchema>

export type MetadataResult =
  | { kind: 'found'; metadata: Metadata }
  /** 404, a login page, or anything else that is no metadata. */
  | { kind: 'absent' }
  /** The server redirects to another origin, or in a circle: what the user is told if nothing else is found. */
  | { kind: 'astray'; fault: Fault }

export interface DiscoveryContext {
  fetch: Fetch
  signal: AbortSignal
}

const DISCOVERY_TIMEOUT_MS = 15_000
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const MAX_REDIRECTS = 5

/**
 * The metadata at `url`. Redirects are followed within its origin: django-oauth-toolkit, for one, serves the document
 * only behind a redirect to the same path with a slash. What another origin says of this server counts for nothing.
 * @param server for messages.
 * @throws Fault `unreachable`; `server_error` on 5xx; the signal's reason.
 */
export async function readMetadata(
  url: string,
  server: string,
  context: DiscoveryContext,
): Promise<MetadataResult> {
  const deadline = AbortSignal.timeout(DISCOVERY_TIMEOUT_MS)
  let place = new URL(url)
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const { response, text } = await request(place, server, { ...context, deadline })
    // 501 is what some servers respond to paths that they do not know.
    if (response.status >= 500 && response.status !== 501)
      throw new Fault('server_error', `${server} responded with ${response.status}`)
    if (text !== undefined) {
      const parsed = v.safeParse(metadataSchema, parseJson(text))
      return parsed.success ? { kind: 'found', metadata: parsed.output } : { kind: 'absent' }
    }
    const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null
    if (location === null || !URL.canParse(location, place.href)) return { kind: 'absent' }
    const next = new URL(location, place)
    if (next.origin !== place.origin) return { kind: 'astray', fault: elsewhere(place, next) }
    place = next
  }
  return {
    kind: 'astray',
    fault: new Fault('server_error', `${server} redirects its OAuth metadata in a circle`),
  }
}

async function request(
  place: URL,
  server: string,
  { fetch, signal, deadline }: DiscoveryContext & { deadline: AbortSignal },
): Promise<{ response: Response; text: string | undefined }> {
  try {
    const response = await fetch(place.href, {
      headers: { accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.any([signal, deadline]),
    })
    return { response, text: await readIfOk(response, place.href) }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof Fault) throw error
    const { message, hint } = cannotReach(
      server,
      error,
      'is the server running? name another with -s URL or FOB_SERVER',
    )
    throw new Fault('unreachable', message, { hint })
  }
}

/** An origin is printed without its path and query, which the server decides. */
function elsewhere(from: URL, to: URL): Fault {
  const named = to.protocol === 'https:' || to.protocol === 'http:' ? to.origin : 'an address of another kind'
  return new Fault('config', `${from.origin} redirects its OAuth metadata to ${named}`, {
    hint:
      named === to.origin
        ? `if that is the server to log in to, name it: -s ${named}`
        : 'its public address is not set up correctly',
  })
}

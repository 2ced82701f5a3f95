/** From a protected server to its authorization server (RFC 9728, then RFC 8414 and OpenID Connect Discovery). */
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import { type DiscoveryContext, readMetadata } from '../../flows/fetch-server-metadata.ts'
import { fromMetadata, metadataPlaces, type Provider } from '../../flows/server-discovery.ts'
import { readIfOk } from '../../flows/bounded-response.ts'
import { parseJson } from '../../platform/parse-json.ts'
import { safeLine } from '../../platform/terminal/make-text-printable.ts'
import type { Challenge } from './read-challenge.ts'

const resourceSchema = v.looseObject({
  resource: v.string(),
  authorization_servers: v.optional(v.array(v.string())),
  scopes_supported: v.optional(v.array(v.string())),
})

export interface Discovered {
  provider: Provider
  /** As the metadata of the resource name it; undefined where there are none (revision 2025-03-26). */
  resource: string | undefined
  /** Of the resource. */
  scopesSupported: readonly string[]
}

/**
 * @param url of the server
 * @throws Fault `config` for metadata that are of another resource or issuer, or offer no PKCE; `unreachable`; `server_error`
 */
export async function discoverAuthorization(
  url: string,
  challenge: Challenge,
  context: DiscoveryContext,
): Promise<Discovered> {
  const found = await readResourceMetadata(url, challenge, context)
  const issuer = found?.authorization_servers?.[0] ?? new URL(url).origin
  const provider = await discoverIssuer(issuer, context)
  const { challengeMethods } = provider
  if (challengeMethods !== undefined && !challengeMethods.includes('S256')) {
    throw new Fault('config', `${issuer} does not offer PKCE by S256, without which a login can be stolen`)
  }
  return { provider, resource: found?.resource, scopesSupported: found?.scopes_supported ?? [] }
}

/** Where the challenge says, else below the path of the server, else at its root. */
async function readResourceMetadata(url: string, { metadataUrl }: Challenge, context: DiscoveryContext) {
  const { origin, pathname } = new URL(url)
  const wellKnown = `${origin}/.well-known/oauth-protected-resource`
  const path = pathname.replace(/\/$/, '')
  const places = metadataUrl === undefined ? [...new Set([`${wellKnown}${path}`, wellKnown])] : [metadataUrl]
  for (const place of places) {
    if (!URL.canParse(place)) continue
    const response = await context.fetch(place, {
      headers: { accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.any([context.signal, AbortSignal.timeout(15_000)]),
    })
    const parsed = v.safeParse(resourceSchema, parseJson((await readIfOk(response, place)) ?? ''))
    if (!parsed.success) continue
    if (!covers(parsed.output.resource, url)) {
      throw new Fault(
        'config',
        `the server at ${origin} says that it is ${safeLine(parsed.output.resource)}`,
        {
          hint: 'a token for another server is not sent to it; is the address right?',
        },
      )
    }
    return parsed.output
  }
  return undefined
}

/** A resource is the server itself, or a path above it. */
function covers(resource: string, url: string): boolean {
  const [named, own] = [URL.parse(resource), new URL(url)]
  if (named === null || named.origin !== own.origin) return false
  const above = named.pathname.replace(/\/?$/, '/')
  return own.pathname.replace(/\/?$/, '/').startsWith(above)
}

async function discoverIssuer(issuer: string, context: DiscoveryContext): Promise<Provider> {
  if (!URL.canParse(issuer))
    throw new Fault('config', `the server names ${safeLine(issuer)} for logins, which is not a URL`)
  const server = issuer.replace(/\/$/, '')
  const { origin, pathname } = new URL(server)
  const path = pathname.replace(/\/$/, '')
  const inserted = ['openid-metadata', `${origin}/.well-known/openid-configuration${path}`] as const
  const [oauth, ...others] = metadataPlaces(server)
  const places = path === '' ? [oauth, ...others] : [oauth, inserted, ...others]
  for (const [source, place] of places) {
    const result = await readMetadata(place, server, context)
    if (result.kind === 'astray') throw result.fault
    if (result.kind === 'found') return fromMetadata(result.metadata, server, source)
  }
  return conventional(server, origin)
}

/** Revision 2025-03-26 has these paths for a server without metadata. */
function conventional(issuer: string, origin: string): Provider {
  return {
    issuer,
    authorizationEndpoint: `${origin}/authorize`,
    tokenEndpoint: `${origin}/token`,
    registrationEndpoint: `${origin}/register`,
    sendsIss: false,
    source: 'conventional',
  }
}

/** Discovery of a server's OAuth endpoints, and the scopes to ask it for. */
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import { ALL_SCOPES } from '../contract/token-scopes.ts'
import { isOpenable } from '../platform/browser/open-browser.ts'
import { isLoopbackHost } from '../platform/network/is-loopback-host.ts'
import { safeLine } from '../platform/terminal/make-text-printable.ts'
import { type DiscoveryContext, type Metadata, readMetadata } from './fetch-server-metadata.ts'

/** An authorization server as its metadata describe it. */
export interface Provider {
  issuer: string
  authorizationEndpoint: string
  tokenEndpoint: string
  revocationEndpoint?: string
  /** RFC 8628 §4; absent where the server does not offer the device flow. */
  deviceAuthorizationEndpoint?: string
  /** Where to ask instead if there is no such endpoint: of conventional paths alone. */
  deviceAuthorizationFallback?: string
  userinfoEndpoint?: string
  jwksUri?: string
  /** It takes `urn:ietf:wg:oauth:2.0:oob` and shows the code on a page of its own. */
  outOfBand?: boolean
  /** Absent where the server does not tell. */
  scopesSupported?: readonly string[]
  /** RFC 9207: its responses always carry `iss`. */
  sendsIss: boolean
  idTokenAlgorithms?: readonly string[]
  /** RFC 9126 §5. */
  pushedAuthorizationEndpoint?: string
  requiresPushed?: boolean
  /** RFC 9449 §5.1: it can bind tokens to a key; of which clients it requires that, it does not tell. */
  dpopAlgorithms?: readonly string[]
  /** RFC 7591 §3. */
  registrationEndpoint?: string
  /** RFC 8414 §2, `code_challenge_methods_supported`. */
  challengeMethods?: readonly string[]
  /** RFC 8414 §2, `token_endpoint_auth_methods_supported`. */
  clientAuthentication?: readonly string[]
  /** It reads the metadata of a client at the URL that is its ID. */
  readsClientMetadata?: boolean
  source: 'oauth-metadata' | 'openid-metadata' | 'conventional'
}

/** In place of a redirect URI: the server shows the code on a page of its own. */
export const OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob'

/**
 * Finds the authorization server at `server` (a normalised URL): RFC 8414 metadata, then OpenID Connect
 * discovery, else the conventional paths `/oauth/authorize` and `/oauth/token`.
 * @throws Fault `unreachable`; `server_error` on 5xx, or for redirects in a circle; `config` when the server is plain
 * http on another machine, redirects to another origin, or when its metadata name another issuer (RFC 8414 §3.3).
 */
export async function discoverProvider(server: string, context: DiscoveryContext): Promise<Provider> {
  requireSafe(server, 'the server')
  let astray: Fault | undefined
  for (const [source, url] of metadataPlaces(server)) {
    const result = await readMetadata(url, server, context)
    if (result.kind === 'found') return fromMetadata(result.metadata, server, source)
    if (result.kind === 'astray') astray ??= result.fault
  }
  if (astray !== undefined) throw astray
  return {
    issuer: server,
    authorizationEndpoint: `${server}/oauth/authorize`,
    tokenEndpoint: `${server}/oauth/token`,
    revocationEndpoint: `${server}/oauth/revoke`,
    deviceAuthorizationEndpoint: `${server}/oauth/device_authorization`,
    // Where Laravel Passport has it.
    deviceAuthorizationFallback: `${server}/oauth/device/code`,
    userinfoEndpoint: `${server}/oauth/userinfo`,
    sendsIss: false,
    source: 'conventional',
  }
}

/** Where a server may publish its metadata, in the order in which it is looked for. */
export function metadataPlaces(server: string) {
  const { origin, pathname } = new URL(server)
  const path = pathname.replace(/\/$/, '')
  return [
    // RFC 8414 §3.1: the well-known part stands between host and path.
    ['oauth-metadata', `${origin}/.well-known/oauth-authorization-server${path}`],
    ['openid-metadata', `${origin}${path}/.well-known/openid-configuration`],
  ] as const
}

/**
 * The scopes to ask for: `wanted` as it stands, else ours as far as the server knows them. Where it does
 * not tell what it knows, none: many servers refuse a request that names an unknown one.
 */
export function scopesToAsk(provider: Provider, wanted: readonly string[]): string[] {
  if (wanted.length > 0) return [...new Set(wanted.flatMap((s) => s.split(/[\s,]+/)).filter((s) => s !== ''))]
  const known = new Set(provider.scopesSupported)
  const ours = ALL_SCOPES.filter((scope) => known.has(scope))
  // A server that is not ours has no profile call: a name comes with these (OpenID Connect Core §5.4).
  const naming = ours.length === 0 ? ['profile', 'email'] : []
  return [...['openid', 'offline_access', ...naming].filter((scope) => known.has(scope)), ...ours]
}

/**
 * The authorization server that a document of metadata describes.
 * @param server its address without `/` at the end
 * @throws Fault `config` for a document that names another issuer (RFC 8414 §3.3), or plain http on another machine
 */
export function fromMetadata(metadata: Metadata, server: string, source: Provider['source']): Provider {
  if (withoutSlash(metadata.issuer) !== server) throw foreignIssuer(metadata.issuer, server)
  const optional = {
    revocationEndpoint: metadata.revocation_endpoint,
    deviceAuthorizationEndpoint: metadata.device_authorization_endpoint,
    userinfoEndpoint: metadata.userinfo_endpoint,
    jwksUri: metadata.jwks_uri,
    pushedAuthorizationEndpoint: metadata.pushed_authorization_request_endpoint,
    registrationEndpoint: metadata.registration_endpoint,
  }
  const { authorization_endpoint: authorization, token_endpoint: token } = metadata
  for (const endpoint of [authorization, token, ...Object.values(optional)]) {
    if (endpoint !== undefined) requireSafe(endpoint, 'an address that the server names')
  }
  const { scopes_supported: scopes, id_token_signing_alg_values_supported: algorithms } = metadata
  return {
    issuer: metadata.issuer,
    authorizationEndpoint: authorization,
    tokenEndpoint: token,
    ...present({ ...optional, scopesSupported: scopes, idTokenAlgorithms: algorithms }),
    ...present({
      requiresPushed: metadata.require_pushed_authorization_requests,
      dpopAlgorithms: metadata.dpop_signing_alg_values_supported,
      challengeMethods: metadata.code_challenge_methods_supported,
      clientAuthentication: metadata.token_endpoint_auth_methods_supported,
      readsClientMetadata: metadata.client_id_metadata_document_supported,
    }),
    outOfBand: metadata.redirect_uris_supported?.includes(OUT_OF_BAND) === true,
    sendsIss: metadata.authorization_response_iss_parameter_supported === true,
    source,
  }
}

function withoutSlash(url: string): string {
  return url.endsWith('/') ? url.slice(0, -1) : url
}

function foreignIssuer(issuer: string, server: string): Fault {
  const usable = isOpenable(issuer)
  return new Fault('config', `the authorization server at ${server} calls itself ${safeLine(issuer)}`, {
    hint: usable
      ? `use that address: -s ${new URL(issuer).href.replace(/\/$/, '')}`
      : 'its public address is not set up correctly',
  })
}

/** Codes and tokens travel over https, or over http where they do not leave this machine. */
function requireSafe(text: string, what: string): void {
  if (isOpenable(text)) return
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    throw new Fault(
      'config',
      `${what} is ${safeLine(url.origin)}, and a login must not travel over plain http`,
      {
        hint: 'use https; plain http is for this machine alone',
      },
    )
  }
  throw new Fault('config', `${what} is not a usable URL`)
}

/** Loads and configures openid-client for the flows, and turns what it throws into faults. */
import type * as openidClient from 'openid-client'
import type {
  ClientAuth,
  Configuration,
  CustomFetch,
  ServerMetadata,
  TokenEndpointResponse,
  TokenEndpointResponseHelpers,
} from 'openid-client'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import { VERSION } from '../platform/build-constants.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import { textRedactor } from '../redact/redact-echoed-secrets.ts'
import { Secret } from '../redact/secret.ts'
import { readResponse } from './bounded-response.ts'
import type { ClientSecret, Redeemed, TokenSet } from './flow-types.ts'
import type { Binding } from './dpop/decide-token-binding.ts'
import { claimsOf, identityOf, idTokenSetAside, setAsideIdToken } from './identity-from-id-token.ts'
import { type Exchange, refusalFault, refusalOf, toFault, withStep } from './oauth-errors-to-faults.ts'
import { readProtocolResponse, type Refusal } from './read-protocol-response.ts'

type OpenidClient = typeof openidClient

/** The addresses of a server, as far as one request needs them. All are https, or http on loopback. */
export interface Endpoints {
  issuer: string
  authorizationEndpoint?: string
  tokenEndpoint?: string
  revocationEndpoint?: string
  deviceAuthorizationEndpoint?: string
  userinfoEndpoint?: string
  jwksUri?: string
  sendsIss?: boolean
  idTokenAlgorithms?: readonly string[]
  pushedAuthorizationEndpoint?: string
}

const REQUEST_SECONDS = 30
/** Parameters whose values must not be shown, should the server's words repeat them. */
const SECRET_PARAMETERS = [
  'client_secret',
  'code',
  'code_verifier',
  'device_code',
  'refresh_token',
  'subject_token',
  'token',
]
/** A lifetime beyond this is a mistake, and dates end somewhere. */
const MAX_LIFETIME_SECONDS = 20 * 365 * 24 * 3600

type TokenResponse = TokenEndpointResponse & TokenEndpointResponseHelpers

export interface Configured {
  client: OpenidClient
  config: Configuration
  /**
   * The tokens of a token endpoint's response, and the user whom its ID token names, if it has one.
   * @param asked the scopes that were asked for, which hold where the response names none.
   */
  redeemed(response: TokenResponse, clock: Clock, asked: readonly string[]): Redeemed
  /**
   * Whatever was thrown by `client`, as a fault; the signal's reason when it was aborted.
   * @param step what was being done, as the end of "could not …"; the fault names it where the server could not
   * be reached or did not speak OAuth. A refusal says itself what was refused.
   */
  toFault(error: unknown, step?: string): unknown
  /** The server's refusal in what was thrown by `client`; undefined where it is something else. */
  refusalOf(error: unknown): Refusal | undefined
  /** An `error` of OAuth as a fault. */
  faultFor(error: string): Fault
  /** The tokens that have come, whether what came with them was accepted or not. */
  arrived(): ArrivedTokens | undefined
}

/** Tokens of a response that may have been refused here, and work at the server all the same. */
type ArrivedTokens = Pick<TokenSet, 'accessToken' | 'refreshToken'>

export interface ConfigureContext {
  fetch: Fetch
  signal: AbortSignal
  /** What a refusal refuses; a login where it is not said. */
  asked?: Exchange['asked']
  /** Of a login whose tokens may be bound to a key; its requests are sent by this. */
  binding?: Binding
  /** Of a client that is not public. */
  clientSecret?: ClientSecret
  /** What was sent as `nonce`. */
  nonce?: string
  /** The name of this machine, where the server is to show it to the person. */
  machine?: string
  /** Called when a token response has an ID token that openid-client is about to check. */
  onIdToken?: () => void
}

/** openid-client set up for a public client; every request has a deadline and ends when `signal` does. */
export async function configure(
  endpoints: Endpoints,
  clientId: string,
  { fetch, signal, asked = 'login', machine, binding, clientSecret, nonce, onIdToken }: ConfigureContext,
): Promise<Configured> {
  const client = await import('openid-client')
  const { issuer } = endpoints
  const config = new client.Configuration(
    metadataOf(endpoints),
    clientId,
    {},
    authentication(client, clientSecret),
  )
  // Without these openid-client does not know how to check an ID token, and would refuse the response for it.
  const checksIdTokens = endpoints.idTokenAlgorithms !== undefined
  const seen: Seen = { sent: [] }
  const exchange = (): Exchange => ({
    client,
    server: issuer,
    asked,
    redact: textRedactor(seen.sent),
    serverAheadMs: seen.serverAheadMs,
  })
  // Plain http has been held to loopback before (`server-discovery.ts`).
  client.allowInsecureRequests(config)
  config.timeout = REQUEST_SECONDS
  config[client.customFetch] = boundedFetch({
    ...present({ onIdToken }),
    fetch: binding?.fetch ?? fetch,
    signal,
    seen,
    checksIdTokens,
    userAgent: machine === undefined ? `fob/${VERSION}` : `fob/${VERSION} (${machine})`,
  })
  return {
    client,
    config,
    redeemed: (response, clock, asked) => {
      const idToken = checksIdTokens ? undefined : idTokenSetAside(response)
      const claims =
        idToken === undefined ? response.claims() : claimsOf(idToken, clientId, clock.now(), nonce)
      const dpopKey = binding?.keyFor(response.token_type)
      const tokens = present({ ...toTokenSet(response, clock, asked), dpopKey })
      return present({ tokens, identity: identityOf(claims) })
    },
    toFault: (error, step) => {
      if (signal.aborted) return signal.reason
      const fault = toFault(error, exchange())
      return step === undefined || error instanceof Fault ? fault : withStep(fault, step)
    },
    refusalOf: (error) => refusalOf(client, error),
    faultFor: (error) => refusalFault({ error }, exchange()),
    arrived: () => seen.tokens,
  }
}

function authentication(client: OpenidClient, secret: ClientSecret | undefined): ClientAuth {
  if (secret === undefined) return client.None()
  if (secret.method === 'client_secret_post') return client.ClientSecretPost(secret.secret.reveal())
  return (_server, { client_id: id }, _body, headers) => {
    const credentials = `${formEncoded(id)}:${formEncoded(secret.secret.reveal())}`
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`)
  }
}

/**
 * RFC 6749 §2.3.1. openid-client escapes `-` and `_` as well, which form encoding leaves alone, and servers that do not
 * decode then see another name.
 */
function formEncoded(text: string): string {
  return new URLSearchParams([[text, '']]).toString().slice(0, -1)
}

function metadataOf(endpoints: Endpoints): ServerMetadata {
  return present({
    issuer: endpoints.issuer,
    authorization_endpoint: endpoints.authorizationEndpoint,
    token_endpoint: endpoints.tokenEndpoint,
    revocation_endpoint: endpoints.revocationEndpoint,
    device_authorization_endpoint: endpoints.deviceAuthorizationEndpoint,
    userinfo_endpoint: endpoints.userinfoEndpoint,
    jwks_uri: endpoints.jwksUri,
    authorization_response_iss_parameter_supported: endpoints.sendsIss,
    id_token_signing_alg_values_supported: endpoints.idTokenAlgorithms?.slice(),
    pushed_authorization_request_endpoint: endpoints.pushedAuthorizationEndpoint,
  })
}

/** What has passed in the exchanges of one configuration. */
interface Seen {
  /** The secrets of every request. */
  sent: Secret[]
  tokens?: ArrivedTokens
  /** Milliseconds, by the last response with a `Date`. */
  serverAheadMs?: number
}

interface FetchOptions {
  fetch: Fetch
  signal: AbortSignal
  seen: Seen
  checksIdTokens: boolean
  userAgent: string
  onIdToken?: () => void
}

/** How openid-client sends: without redirects, and with no more of a response than an OAuth server has to say. */
function boundedFetch(how: FetchOptions): CustomFetch {
  const { fetch, signal, seen, checksIdTokens, userAgent, onIdToken } = how
  return async (url, options) => {
    if (options.body instanceof URLSearchParams) seen.sent.push(...secretsIn(options.body))
    const response = await fetch(url, {
      method: options.method,
      headers: { ...options.headers, 'user-agent': userAgent },
      redirect: 'manual',
      ...present({ body: options.body }),
      signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]),
    })
    noteDate(response, seen)
    const text = await readResponse(response, url)
    if (options.method !== 'POST') return withText(text, response)
    const read = readProtocolResponse(text, response, url)
    if (read.tokens === undefined) return read.response
    const { access_token: access, refresh_token: refresh } = read.tokens
    seen.tokens = present({
      accessToken: new Secret(access),
      refreshToken: typeof refresh === 'string' ? new Secret(refresh) : undefined,
    })
    if (checksIdTokens && read.tokens.id_token !== undefined) onIdToken?.()
    return checksIdTokens
      ? read.response
      : withText(setAsideIdToken(await read.response.text()), read.response)
  }
}

function withText(text: string, { status, headers }: Response): Response {
  return new Response(text === '' ? null : text, { status, headers: new Headers(headers) })
}

/** By the system's clock, as openid-client judges the times of ID tokens by that. */
function noteDate({ headers }: Response, seen: Seen): void {
  const date = Date.parse(headers.get('date') ?? '')
  if (!Number.isNaN(date)) seen.serverAheadMs = date - Date.now()
}

function secretsIn(body: URLSearchParams): Secret[] {
  return SECRET_PARAMETERS.flatMap((name) => body.getAll(name)).map((value) => new Secret(value))
}

function toTokenSet(response: TokenEndpointResponse, clock: Clock, asked: readonly string[]): TokenSet {
  const { expires_in: lifetime, refresh_token: refresh } = response
  return present({
    accessToken: new Secret(response.access_token),
    refreshToken: refresh === undefined ? undefined : new Secret(refresh),
    expiresAt:
      lifetime === undefined ? undefined : clock.now() + Math.min(lifetime, MAX_LIFETIME_SECONDS) * 1000,
    scopes: response.scope === undefined ? asked : response.scope.split(' ').filter((s) => s !== ''),
    tokenType: response.token_type,
  })
}

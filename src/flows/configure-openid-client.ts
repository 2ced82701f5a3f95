/** Loads and configures openid-client for the flows, and turns what it throws into faults. */
import type * as openidClient from 'openid-client'
import type {
  Configuration,
  CustomFetch,
  ResponseBodyError,
  ServerMetadata,
  TokenEndpointResponse,
  TokenEndpointResponseHelpers,
} from 'openid-client'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import { fetchFailure } from '../platform/network/fetch-failure.ts'
import { safeLine } from '../platform/terminal/printable-text.ts'
import { textRedactor } from '../redact/text-redactor.ts'
import { Secret } from '../redact/secret.ts'
import { readResponse } from './bounded-response.ts'
import type { Redeemed, TokenSet } from './flow-types.ts'
import { claimsOf, identityOf, idTokenSetAside, setAsideIdToken } from './identity-from-id-token.ts'

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
}

const REQUEST_SECONDS = 30
/** Parameters whose values must not be shown, should the server's words repeat them. */
const SECRET_PARAMETERS = ['code', 'code_verifier', 'device_code', 'refresh_token', 'token']
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
  /** The server's refusal as a fault, without anything secret that was sent. */
  refusal(error: Refusal): Fault
}

/** RFC 6749 §4.1.2.1, §5.2. */
type Refusal = Pick<ResponseBodyError, 'error' | 'error_description'>

/** openid-client set up for a public client; every request has a deadline and ends when `signal` does. */
export async function configure(
  endpoints: Endpoints,
  clientId: string,
  { fetch, signal }: { fetch: Fetch; signal: AbortSignal },
): Promise<Configured> {
  const client = await import('openid-client')
  const { issuer } = endpoints
  const config = new client.Configuration(metadataOf(endpoints), clientId, {}, client.None())
  // Without these openid-client does not know how to check an ID token, and would refuse the response for it.
  const checksIdTokens = endpoints.idTokenAlgorithms !== undefined
  const sent: Secret[] = []
  const refused = (error: Refusal) => refusal(error, issuer, textRedactor(sent))
  // Plain http has been held to loopback before (`server-discovery.ts`).
  client.allowInsecureRequests(config)
  config.timeout = REQUEST_SECONDS
  config[client.customFetch] = boundedFetch({ fetch, signal, sent, checksIdTokens })
  return {
    client,
    config,
    redeemed: (response, clock, asked) => {
      const idToken = checksIdTokens ? undefined : idTokenSetAside(response)
      const claims = idToken === undefined ? response.claims() : claimsOf(idToken, clientId, clock.now())
      return present({ tokens: toTokenSet(response, clock, asked), identity: identityOf(claims) })
    },
    toFault: (error, step) => {
      if (signal.aborted) return signal.reason
      const fault = toFault(client, error, issuer, refused)
      return step === undefined || error instanceof Fault ? fault : withStep(fault, step)
    },
    refusal: refused,
  }
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
  })
}

interface FetchOptions {
  fetch: Fetch
  signal: AbortSignal
  /** Takes the secrets of every request. */
  sent: Secret[]
  checksIdTokens: boolean
}

/** How openid-client sends: without redirects, and with no more of a response than an OAuth server has to say. */
function boundedFetch({ fetch, signal, sent, checksIdTokens }: FetchOptions): CustomFetch {
  return async (url, options) => {
    if (options.body instanceof URLSearchParams) sent.push(...secretsIn(options.body))
    const response = await fetch(url, {
      method: options.method,
      headers: options.headers,
      redirect: 'manual',
      ...present({ body: options.body }),
      signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]),
    })
    const text = await readResponse(response, url)
    const isChecked = options.method !== 'POST' || !response.ok || checksIdTokens
    return responseWith(isChecked ? text : setAsideIdToken(text), response)
  }
}

function secretsIn(body: URLSearchParams): Secret[] {
  return SECRET_PARAMETERS.flatMap((name) => body.getAll(name)).map((value) => new Secret(value))
}

/**
 * A response with a text of ours. A token endpoint's error stands in its body (RFC 6749 §5.2); openid-client
 * does not look there when the response also carries a challenge, as that section allows, so that goes.
 */
function responseWith(text: string, { ok, status, headers }: Response): Response {
  const rest = new Headers(headers)
  if (!ok) rest.delete('www-authenticate')
  return new Response(text === '' ? null : text, { status, headers: rest })
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

/**
 * What openid-client threw, as a fault. Of a server's own words only `error` and `error_description` are
 * shown, and those made safe: its other fields can hold codes and tokens.
 */
function toFault(
  client: OpenidClient,
  error: unknown,
  server: string,
  refused: (error: Refusal) => Fault,
): Fault {
  if (error instanceof Fault) return error
  if (error instanceof client.AuthorizationResponseError || error instanceof client.ResponseBodyError) {
    return refused(error)
  }
  if (error instanceof client.ClientError) {
    const { code, cause } = error
    // What our own fetch threw.
    if (cause instanceof Fault) return cause
    if (code === 'OAUTH_TIMEOUT') return unreachable(server, 'it did not respond in time')
    if (cause instanceof Response && cause.status >= 500) {
      return new Fault('server_error', `${server} responded with ${cause.status}`)
    }
    const which = code === undefined ? '' : ` (${code})`
    return new Fault('server_error', `the response of ${server} is not valid OAuth${which}`)
  }
  return unreachable(server, fetchFailure(error))
}

/** The same fault with the step at which it happened; a refusal stays as it is. */
function withStep(fault: Fault, step: string): Fault {
  if (fault.code !== 'unreachable' && fault.code !== 'server_error') return fault
  return new Fault(fault.code, `could not ${step}: ${fault.message}`, { hint: fault.hint, cause: fault })
}

/** A refusal in the server's own words (RFC 6749 §4.1.2.1, §5.2; RFC 8628 §3.5), made safe. */
function refusal(
  { error: code, error_description: description }: Refusal,
  server: string,
  redact: (text: string) => string,
): Fault {
  const words = description === undefined ? '' : `: ${safeLine(redact(description))}`
  if (code === 'access_denied') return new Fault('login_denied', `the login was denied${words}`)
  const fact = `${server} refused the login with ${safeLine(redact(code), 60)}${words}`
  if (code === 'invalid_client' || code === 'unauthorized_client') {
    return new Fault('login_denied', fact, {
      hint: 'name the client ID that the server knows with --client-id',
    })
  }
  if (code === 'invalid_scope') {
    return new Fault('login_denied', fact, { hint: 'name the scopes to ask for with --scope' })
  }
  if (code === 'expired_token') {
    return new Fault('login_timeout', 'the code has expired before it was used', { hint: 'run it again' })
  }
  if (code === 'server_error' || code === 'temporarily_unavailable') return new Fault('server_error', fact)
  return new Fault('login_denied', fact)
}

function unreachable(server: string, reason: string): Fault {
  return new Fault('unreachable', `cannot reach ${server}: ${reason}`)
}

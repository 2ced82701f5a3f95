import type * as openidClient from 'openid-client'
import type {
  Configuration,
  ResponseBodyError,
  TokenEndpointResponse,
  TokenEndpointResponseHelpers,
} from 'openid-client'
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch.ts'
import { fetchFailure } from '../platform/network/fetch-failure.ts'
import { safeLine } from '../platform/terminal/printable-text.ts'
import { textRedactor } from '../redact/text-redactor.ts'
import { Secret } from '../redact/secret.ts'
import { readAnswer } from './bounded-response.ts'
import type { Identity, TokenSet } from './flow.ts'
import { claimsOf, identityOf, setAsideIdToken } from './id-token.ts'

/** The one place that loads openid-client, and that turns what it throws into faults. */

export type OpenidClient = typeof openidClient

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
/** What a request holds that must not be shown, should the server's words repeat it. */
const SECRET_PARAMETERS = ['code', 'code_verifier', 'device_code', 'refresh_token', 'token']
/** A lifetime beyond this is a mistake, and dates end somewhere. */
const MAX_LIFETIME_SECONDS = 20 * 365 * 24 * 3600

type TokenAnswer = TokenEndpointResponse & TokenEndpointResponseHelpers

export interface Configured {
  client: OpenidClient
  config: Configuration
  /** Who a token endpoint's answer speaks of, if it says. */
  identity(answer: TokenAnswer, clock: Clock): Identity | undefined
  /** Whatever was thrown meanwhile, as a fault; the signal's reason when it was aborted. */
  toFault(error: unknown): unknown
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
  const config = new client.Configuration(
    {
      issuer,
      ...defined('authorization_endpoint', endpoints.authorizationEndpoint),
      ...defined('token_endpoint', endpoints.tokenEndpoint),
      ...defined('revocation_endpoint', endpoints.revocationEndpoint),
      ...defined('device_authorization_endpoint', endpoints.deviceAuthorizationEndpoint),
      ...defined('userinfo_endpoint', endpoints.userinfoEndpoint),
      ...defined('jwks_uri', endpoints.jwksUri),
      ...defined('authorization_response_iss_parameter_supported', endpoints.sendsIss),
      ...defined('id_token_signing_alg_values_supported', endpoints.idTokenAlgorithms?.slice()),
    },
    clientId,
    {},
    client.None(),
  )
  // Without these openid-client does not know how to check an ID token, and would refuse the answer for it.
  const checksIdTokens = endpoints.idTokenAlgorithms !== undefined
  let idToken: string | undefined
  const sent: Secret[] = []
  const refused = (error: Refusal) => refusal(error, issuer, textRedactor(sent))
  // Plain http has been held to loopback before (`server-discovery.ts`).
  client.allowInsecureRequests(config)
  config.timeout = REQUEST_SECONDS
  config[client.customFetch] = async (url, options) => {
    if (options.body instanceof URLSearchParams) sent.push(...secretsIn(options.body))
    const answer = await fetch(url, {
      method: options.method,
      headers: options.headers,
      redirect: 'manual',
      ...(options.body === undefined ? {} : { body: options.body }),
      signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]),
    })
    const text = await readAnswer(answer, url)
    if (options.method !== 'POST' || !answer.ok || checksIdTokens) return answerWith(text, answer)
    const parted = setAsideIdToken(text)
    idToken = parted.idToken
    return answerWith(parted.text, answer)
  }
  return {
    client,
    config,
    identity: (answer, clock) =>
      identityOf(
        answer.claims() ?? (idToken === undefined ? undefined : claimsOf(idToken, clientId, clock.now())),
      ),
    toFault: (error) => (signal.aborted ? signal.reason : toFault(client, error, issuer, refused)),
    refusal: refused,
  }
}

function secretsIn(body: URLSearchParams): Secret[] {
  return SECRET_PARAMETERS.flatMap((name) => body.getAll(name)).map((value) => new Secret(value))
}

/**
 * An answer with a text of ours. A token endpoint's error stands in its body (RFC 6749 §5.2); openid-client
 * does not look there when the answer also carries a challenge, as that section allows, so that goes.
 */
function answerWith(text: string, { ok, status, headers }: Response): Response {
  const kept = new Headers(headers)
  if (!ok) kept.delete('www-authenticate')
  return new Response(text === '' ? null : text, { status, headers: kept })
}

/** @param asked the scopes that were asked for, which hold where the answer names none. */
export function toTokenSet(
  response: TokenEndpointResponse,
  clock: Clock,
  asked: readonly string[],
): TokenSet {
  const { expires_in: lifetime, refresh_token: refresh } = response
  return {
    accessToken: new Secret(response.access_token),
    ...(refresh === undefined ? {} : { refreshToken: new Secret(refresh) }),
    ...(lifetime === undefined
      ? {}
      : { expiresAt: clock.now() + Math.min(lifetime, MAX_LIFETIME_SECONDS) * 1000 }),
    scopes: response.scope === undefined ? asked : response.scope.split(' ').filter((s) => s !== ''),
    tokenType: response.token_type,
  }
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
    if (code === 'OAUTH_TIMEOUT') return unreachable(server, 'it did not answer in time')
    if (cause instanceof Response && cause.status >= 500) {
      return new Fault('server_error', `${server} answered ${cause.status}`)
    }
    const which = code === undefined ? '' : ` (${code})`
    return new Fault('server_error', `the response of ${server} is not one of OAuth${which}`)
  }
  return unreachable(server, fetchFailure(error))
}

/** A refusal in the server's own words (RFC 6749 §4.1.2.1, §5.2; RFC 8628 §3.5), made safe. */
function refusal(
  { error: code, error_description: description }: Refusal,
  server: string,
  hide: (text: string) => string,
): Fault {
  const words = description === undefined ? '' : `: ${safeLine(hide(description))}`
  if (code === 'access_denied') return new Fault('login_denied', `the login was denied${words}`)
  const fact = `${server} refused the login with ${safeLine(hide(code), 60)}${words}`
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

/** An optional property: absent where there is no value. */
function defined<K extends string, T>(name: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, T>)
}

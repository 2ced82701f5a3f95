/** Our client for the code flow of identity providers: the authorization URL, the exchange of the code, and faults for their errors. */
import type * as openidClient from 'openid-client'
import type { Configuration } from 'openid-client'
import { Fault } from '../../../contract/fault.ts'
import type { Fetch } from '../../../platform/fetch-type.ts'
import { fetchFailure } from '../../../platform/network/describe-fetch-failure.ts'
import type { Checks } from './identity-provider-types.ts'

/** The one place on the server that loads openid-client, and that turns what it throws into faults. */

export type OpenidClient = typeof openidClient

/** An identity provider that has said nothing for this long is down, as far as a waiting person is concerned. */
export const REQUEST_SECONDS = 10

export function loadClient(): Promise<OpenidClient> {
  return import('openid-client')
}

/** What every `Configuration` here gets: a deadline, no redirects, our `fetch`, plain http for loopback. */
export function customise(
  client: OpenidClient,
  config: Configuration,
  { fetch, url }: { fetch: Fetch; url: string },
): Configuration {
  config.timeout = REQUEST_SECONDS
  config[client.customFetch] = plainFetch(fetch)
  // Plain http was held to loopback when the settings were read.
  if (url.startsWith('http:')) client.allowInsecureRequests(config)
  return config
}

type CustomFetch = NonNullable<Configuration[typeof openidClient.customFetch]>

export function plainFetch(fetch: Fetch): CustomFetch {
  return (url, options) =>
    fetch(url, {
      method: options.method,
      headers: options.headers,
      redirect: 'manual',
      ...(options.body === undefined ? {} : { body: options.body }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
}

/** The authorize address: code flow with PKCE S256 and state; `more` adds or replaces parameters. */
export async function authorizeUrl(
  client: OpenidClient,
  config: Configuration,
  checks: Checks,
  more: Record<string, string>,
): Promise<URL> {
  return client.buildAuthorizationUrl(config, {
    redirect_uri: checks.redirectUri,
    state: checks.state,
    code_challenge: await client.calculatePKCECodeChallenge(checks.codeVerifier),
    code_challenge_method: 'S256',
    ...more,
  })
}

/** Exchanges the code of a callback. @param openid also demand and check an ID token with our nonce. */
export async function exchange(
  client: OpenidClient,
  config: Configuration,
  response: URLSearchParams,
  checks: Checks,
  openid: boolean,
) {
  const callback = new URL(checks.redirectUri)
  callback.search = response.toString()
  return client.authorizationCodeGrant(config, callback, {
    expectedState: checks.state,
    pkceCodeVerifier: checks.codeVerifier,
    ...(openid ? { expectedNonce: checks.nonce, idTokenExpected: true } : {}),
  })
}

const DOWN = new Set(['server_error', 'temporarily_unavailable'])
/** GitHub has names of its own for RFC 6749's. */
const TOO_OLD = new Set(['invalid_grant', 'bad_verification_code'])
const NOT_KNOWN = new Set(['invalid_client', 'unauthorized_client', 'incorrect_client_credentials'])

/**
 * What went wrong at an identity provider, as a fault that names the identity provider and holds nothing of what it
 * sent.
 */
export function identityProviderFault(error: unknown, label: string): Fault {
  if (error instanceof Fault) return error
  const told = errorCode(error)
  if (told === 'access_denied' || told === 'consent_required' || told === 'interaction_required') {
    return new Fault('login_denied', `${label} refused the login`, { cause: error })
  }
  if (told !== undefined && TOO_OLD.has(told)) {
    return new Fault('login_timeout', `the code from ${label} is too old or was used already`, {
      cause: error,
    })
  }
  if (told !== undefined && NOT_KNOWN.has(told)) {
    return new Fault('config', `${label} does not accept this server's client ID and secret`, {
      cause: error,
    })
  }
  if ((told !== undefined && DOWN.has(told)) || isDown(error)) {
    return new Fault('unreachable', `${label} could not be reached: ${downReason(error)}`, { cause: error })
  }
  return new Fault('failed', `the response from ${label} was not accepted`, { cause: error })
}

/** RFC 6749's `error`, of a redirect or of a response's body. */
function errorCode(error: unknown): string | undefined {
  const told = error instanceof Error && 'error' in error ? error.error : undefined
  return typeof told === 'string' ? told : undefined
}

/** A timeout, no connection, or a response of 5xx, wherever in the chain of causes it is. */
function isDown(error: unknown): boolean {
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 5; depth++) {
    if (at instanceof Response) return at.status >= 500 || at.status === 429
    if (!(at instanceof Error)) return false
    if (at.name === 'TimeoutError' || at.name === 'AbortError') return true
    if (
      'code' in at &&
      typeof at.code === 'string' &&
      /^(E[A-Z]+|Connection\w+|FailedTo\w+)$/.test(at.code)
    ) {
      return true
    }
    if (at instanceof TypeError && /fetch/i.test(at.message)) return true
    at = at.cause
  }
  return false
}

function downReason(error: unknown): string {
  const root = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const response = error instanceof Error && error.cause instanceof Response ? error.cause : undefined
  return response ? `it answered ${response.status}` : fetchFailure(root)
}

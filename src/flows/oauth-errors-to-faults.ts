/** What went wrong with a request of the OAuth protocol, as a fault. */
import type * as openidClient from 'openid-client'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import { cannotReach, ProxyFailure } from '../platform/network/describe-fetch-failure.ts'
import { safeLine } from '../platform/terminal/make-text-printable.ts'
import { BareRefusal, type Refusal, retryAfterOf } from './read-protocol-response.ts'

type OpenidClient = typeof openidClient

/** What is known of the exchange in which an error was thrown. */
export interface Exchange {
  client: OpenidClient
  server: string
  /** What the server was asked for, and may refuse. */
  asked: 'login' | 'revocation'
  /** Takes out of a text what was sent and must not be shown. */
  redact: (text: string) => string
  /** Milliseconds that the server's clock is ahead of ours by its last `Date`; negative where ours is ahead. */
  serverAheadMs: number | undefined
}

/** The server's refusal, where `error` is one. */
export function refusalOf(client: OpenidClient, error: unknown): Refusal | undefined {
  if (error instanceof client.ResponseBodyError) {
    const { error: code, error_description: description, status, response } = error
    return present({
      status,
      error: code,
      description: typeof description === 'string' ? description : undefined,
      retryAfter: retryAfterOf(response.headers),
      isPage: false,
    })
  }
  return error instanceof client.ClientError && error.cause instanceof BareRefusal
    ? error.cause.refusal
    : undefined
}

/** Statuses of a request that did not come to be judged: of a proxy, of a hurry, of a limit. */
const NOT_JUDGED: ReadonlySet<number> = new Set([407, 408, 429])
/** Nothing is wrong with the request: the same may work in a while. */
const TRY_LATER: ReadonlySet<number> = new Set([408, 429, 503])
const NOT_NOW: ReadonlySet<string> = new Set(['temporarily_unavailable', 'server_error', 'slow_down'])

/** Whether the server has judged what was sent: the same request would be refused again. */
export function isJudgement({ status, error = '', isPage }: Refusal): boolean {
  return status >= 400 && status < 500 && !NOT_JUDGED.has(status) && !isPage && !NOT_NOW.has(error)
}

/**
 * What openid-client threw, as a fault. Of a server's own words only `error` and its description are shown, and
 * those made safe: its other fields can hold codes and tokens.
 */
export function toFault(error: unknown, exchange: Exchange): Fault {
  const { client, server } = exchange
  if (error instanceof Fault) return error
  const limited = refusalOf(client, error)
  if (limited !== undefined && TRY_LATER.has(limited.status)) return notNow(limited, exchange)
  if (error instanceof client.AuthorizationResponseError || error instanceof client.ResponseBodyError) {
    return refusalFault(error, exchange)
  }
  if (error instanceof client.ClientError) {
    const { code, cause } = error
    // What our own fetch threw.
    if (cause instanceof Fault) return cause
    if (cause instanceof ProxyFailure) return unreachable(server, cause)
    if (cause instanceof BareRefusal) return bareFault(cause, exchange)
    if (code === 'OAUTH_TIMEOUT') {
      return new Fault('unreachable', `cannot reach ${server}: it did not respond in time`)
    }
    return idTokenFault(code, cause, exchange) ?? notOauth(server, code)
  }
  return unreachable(server, error)
}

/** The same fault with the step at which it happened; a refusal stays as it is. */
export function withStep(fault: Fault, step: string): Fault {
  if (fault.code !== 'unreachable' && fault.code !== 'server_error') return fault
  return new Fault(fault.code, `could not ${step}: ${fault.message}`, { hint: fault.hint, cause: fault })
}

/** A refusal in the server's own words (RFC 6749 §4.1.2.1, §5.2; RFC 8628 §3.5), made safe. */
export function refusalFault(
  { error: code, error_description: description }: { error: string; error_description?: unknown },
  { server, asked, redact }: Pick<Exchange, 'server' | 'asked' | 'redact'>,
): Fault {
  const words = typeof description === 'string' ? `: ${safeLine(redact(description))}` : ''
  if (code === 'access_denied') return new Fault('login_denied', `the ${asked} was denied${words}`)
  const fact = `${server} refused the ${asked} with ${safeLine(redact(code), 60)}${words}`
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
  if (NOT_NOW.has(code)) return new Fault('server_error', fact)
  return new Fault('login_denied', fact)
}

function notNow({ status, description, retryAfter }: Refusal, { server, redact }: Exchange): Fault {
  const words = description === undefined ? '' : `: ${safeLine(redact(description))}`
  return new Fault('server_error', `${server} responded with ${status}${words}`, {
    hint: retryAfter === undefined ? 'try again later' : `try again in ${retryAfter} s`,
    ...present({ retryAfter }),
  })
}

/** A refusal without the `error` of OAuth: its status says what it is. */
function bareFault({ refusal, url }: BareRefusal, { server, asked, redact }: Exchange): Fault {
  const { status, description, isPage } = refusal
  const words = description === undefined ? '' : `: ${safeLine(redact(description))}`
  const { origin, pathname } = new URL(url)
  const place = `${origin}${pathname}`
  if (isPage) {
    return new Fault('server_error', `${place} responded with ${status} and a page, not in OAuth's form`, {
      hint: 'is this the address of the authorization server, and is no proxy in between?',
    })
  }
  if (status === 404 || status === 405) {
    return new Fault('server_error', `${place} responded with ${status}: there is no such endpoint`, {
      hint: 'is this the address of the authorization server? name another with -s URL',
    })
  }
  if (isJudgement(refusal)) {
    return new Fault('login_denied', `${server} refused the ${asked} with status ${status}${words}`)
  }
  return new Fault('server_error', `${server} responded with ${status}${words}`)
}

/** A smaller difference of two clocks is no reason to set one. */
const CLOCK_TOLERANCE_MS = 60_000

/** Why an ID token was not accepted; undefined for another error. */
function idTokenFault(
  code: string | undefined,
  cause: unknown,
  { server, serverAheadMs = 0 }: Exchange,
): Fault | undefined {
  const claim = cause instanceof Error ? claimOf(cause.cause) : undefined
  if (code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED') {
    if (Math.abs(serverAheadMs) >= CLOCK_TOLERANCE_MS) {
      const where = `${inWords(Math.abs(serverAheadMs))} ${serverAheadMs < 0 ? 'ahead of' : 'behind'}`
      return new Fault('failed', `the clock of this machine is ${where} that of ${server}`, {
        hint: 'set the clock of this machine, then log in again',
      })
    }
    const when = claim === 'nbf' ? 'is not valid yet' : 'has expired already'
    return new Fault('server_error', `the ID token of ${server} ${when}`, {
      hint: 'is the clock of this machine right, and that of the server?',
    })
  }
  if (code !== 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' || claim === undefined) return undefined
  return new Fault('server_error', `the ID token of ${server} is not for this login: its "${claim}" is wrong`)
}

/** The name of a claim as openid-client reports it; its value is not for showing. */
function claimOf(details: unknown): string | undefined {
  const claim: unknown =
    typeof details === 'object' && details !== null && 'claim' in details && details.claim
  return typeof claim === 'string' && /^[a-z_]{1,20}$/.test(claim) ? claim : undefined
}

function inWords(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes >= 48 * 60) return `${Math.round(minutes / (24 * 60))} days`
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60]
  if (hours === 0) return `${rest} min`
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`
}

function notOauth(server: string, code: string | undefined): Fault {
  const which = code === undefined ? '' : ` (${code})`
  return new Fault('server_error', `the response of ${server} is not valid OAuth${which}`)
}

function unreachable(server: string, error: unknown): Fault {
  const { message, hint } = cannotReach(server, error)
  return new Fault('unreachable', message, { hint })
}

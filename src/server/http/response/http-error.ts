/** Errors as responses: the error type, the status of every domain fault, and refusals that handlers share. */
import { Fault, type FaultCode } from '../../../contract/fault.ts'
import { present } from '../../../contract/omit-undefined.ts'
import { DISK_FULL, DISK_FULL_HINT } from '../../disk-space.ts'
import { json } from './json-response.ts'

/** An error that becomes the response. `details` stand beside `error` and `message` in its JSON. */
export class HttpError extends Error {
  readonly status: number
  readonly code: string
  readonly details: Record<string, unknown>
  readonly headers: Record<string, string>

  constructor(
    status: number,
    code: string,
    message: string,
    more: { details?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(message)
    this.name = 'HttpError'
    this.status = status
    this.code = code
    this.details = more.details ?? {}
    this.headers = more.headers ?? {}
  }

  toResponse(): Response {
    const body = { error: this.code, message: this.message, ...this.details }
    return json(body, { status: this.status, headers: this.headers })
  }
}

/** The status of each fault of a domain function. Total: a new code does not compile until it is here. */
const STATUS = {
  failed: 500,
  run_failed: 500,
  conflict: 409,
  busy: 429,
  usage: 400,
  config: 409,
  prompt_needed: 500,
  unauthenticated: 401,
  signature_refused: 401,
  credentials_expired: 401,
  login_denied: 401,
  login_timeout: 401,
  forbidden: 403,
  not_found: 404,
  unreachable: 502,
  server_error: 500,
  interrupted: 503,
} as const satisfies Record<FaultCode, number>

/** Undefined for an unexpected error: that one is logged, and its text is never sent. */
export function toHttpError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error
  if (!(error instanceof Fault)) return undefined
  const { code, message, hint, retryAfter } = error
  const headers: Record<string, string> =
    retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
  return new HttpError(STATUS[code], code, message, { details: present({ hint, retryAfter }), headers })
}

/** What can be missing, and the command that lists what there is. */
const LISTED_BY = {
  pipeline: 'fob pipeline list',
  run: 'fob runs list',
  secret: 'fob secrets list',
  runner: 'fob runners list',
  token: 'fob tokens list',
  invitation: 'fob tenants invitations list',
  webhook: undefined,
} as const satisfies Record<string, string | undefined>

/**
 * @param named the name of the one that is missing, where it may be repeated, and the one that was probably meant;
 * `many`: where a request names several, so that a list of all is no help
 */
export function notFound(
  what: keyof typeof LISTED_BY,
  named: { name?: string; nearest?: string | undefined; many?: boolean } = {},
): HttpError {
  const { name, nearest, many = false } = named
  const list = many ? undefined : LISTED_BY[what]
  const hints = [
    ...(nearest === undefined ? [] : [`did you mean ${nearest}?`]),
    ...(list === undefined ? [] : [`"${list}" shows those that you may see`]),
  ]
  const message = name === undefined ? `${what} not found` : `${what} ${name} not found`
  return new HttpError(404, 'not_found', message, {
    details: hints.length === 0 ? {} : { hint: hints.join(' ') },
  })
}

/** RFC 4918 §11.5: for everything that had to be stored. @param done what is known of it, where that is more */
export function noRoom(done = 'nothing was stored', details: Record<string, unknown> = {}): HttpError {
  return new HttpError(507, 'insufficient_storage', `${DISK_FULL}: ${done}`, {
    details: { hint: DISK_FULL_HINT, ...details },
  })
}

/** On a server whose strategy is not OAuth, for routes of the protocol and for everything that needs a login. */
export function noOAuth(): HttpError {
  return new HttpError(404, 'not_found', 'this server has no OAuth')
}

/** @param of what has to be administered */
export function notForYou(of: 'tenant' | 'server'): HttpError {
  return new HttpError(403, 'forbidden', `this is for administrators of the ${of}`)
}

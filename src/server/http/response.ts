import * as v from 'valibot'
import { Fault, type FaultCode } from '../../contract/fault.ts'
import { problemOf } from './request-body-error.ts'
import { secureJson } from './security-headers.ts'

/** Bodies over this many bytes are answered with 413 (contract §5). */
const MAX_BODY_BYTES = 10 * 1024 * 1024

export function json(
  body: unknown,
  init: { status?: number; headers?: Record<string, string> } = {},
): Response {
  const response = jsonText(JSON.stringify(body), init.status)
  for (const name in init.headers) response.headers.set(name, init.headers[name] ?? '')
  return response
}

/** The same for JSON that is written out already. */
export function jsonText(text: string, status = 200): Response {
  return secureJson(text, status)
}

/** An error that a handler answers with. `details` stand beside `error` and `message`. */
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

/** How a fault of a domain function is answered. Total: a new code does not compile until it is here. */
const STATUS = {
  failed: 500,
  run_failed: 500,
  conflict: 409,
  busy: 429,
  usage: 400,
  config: 409,
  prompt_needed: 500,
  unauthenticated: 401,
  credentials_expired: 401,
  login_denied: 401,
  login_timeout: 401,
  forbidden: 403,
  not_found: 404,
  unreachable: 502,
  server_error: 500,
  interrupted: 503,
} as const satisfies Record<FaultCode, number>

/** Undefined for what is not ours: that is logged, and answered without a word of its text. */
export function toHttpError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error
  if (!(error instanceof Fault)) return undefined
  const { code, message, hint, retryAfter } = error
  const details = {
    ...(hint === undefined ? {} : { hint }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  }
  const headers: Record<string, string> =
    retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
  return new HttpError(STATUS[code], code, message, { details, headers })
}

/** What shows those that there are. */
const LISTS: Readonly<Record<string, string>> = {
  pipeline: 'fob pipeline list',
  run: 'fob runs list',
  secret: 'fob secrets list',
  runner: 'fob runners list',
  token: 'fob tokens list',
}

export function notFound(what: string): HttpError {
  const list = LISTS[what]
  const hint = list === undefined ? {} : { details: { hint: `"${list}" shows those that you may see` } }
  return new HttpError(404, 'not_found', `${what} not found`, hint)
}

/**
 * The request's JSON body, checked. An absent body counts as `{}`.
 * @throws HttpError 400, 413 or 415; the message names the field, never its value
 */
export async function readBody<T>(request: Request, schema: v.GenericSchema<unknown, T>): Promise<T> {
  const text = (await readBytes(request)).toString()
  const body = text === '' ? {} : parseJson(request, text)
  // To a schema of an object, a list is one.
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new HttpError(400, 'invalid_request', 'the body must be an object')
  }
  const parsed = v.safeParse(schema, body)
  if (parsed.success) return parsed.output
  const { message, ...details } = problemOf(parsed.issues, schema)
  throw new HttpError(400, 'invalid_request', message, { details })
}

/** @throws HttpError 413 */
export async function readBytes(request: Request, most = MAX_BODY_BYTES): Promise<Buffer<ArrayBuffer>> {
  const declared = Number(request.headers.get('content-length') ?? 0)
  if (declared > most) throw tooLarge(most)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.length
    if (size > most) throw tooLarge(most)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * Without this, any web page could send a "simple" cross-site POST (text/plain) that we would read.
 * @throws HttpError 415
 */
export function requireJson({ headers }: Request): void {
  // RFC 9110 §8.3.1: the names of media types have no case.
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type === 'application/json') return
  throw new HttpError(415, 'unsupported_media_type', 'the body must be application/json')
}

function parseJson(request: Request, text: string): unknown {
  requireJson(request)
  try {
    return JSON.parse(text)
  } catch {
    throw new HttpError(400, 'invalid_request', 'the body is not JSON')
  }
}

function tooLarge(most: number): HttpError {
  return new HttpError(413, 'too_large', `the body is larger than ${most / 1024 / 1024} MiB`)
}

/** Reads the body of a request, bounded: as bytes, or as JSON that a schema accepts. */
import * as v from 'valibot'
import { parseJson } from '../../../platform/parse-json.ts'
import { HttpError } from '../response/http-error.ts'
import { problemOf } from './describe-body-error.ts'
import type { HeldBodies } from './limit-total-body-bytes.ts'

/** Bytes of a body where its row in the table of routes says nothing else. */
export const DEFAULT_BODY_BYTES = 64 * 1024

/** What a request with a body gives its readers; `Call` is one. */
export interface BodySource {
  readonly headers: Headers
  /** @throws HttpError 400, 413 or 503 */
  body(): Promise<Buffer<ArrayBuffer>>
}

/**
 * The JSON body of a request, checked. An absent body counts as `{}`.
 * @throws HttpError 400, 413, 415 or 503; the message names the field, never its value
 */
export async function readBody<T>(source: BodySource, schema: v.GenericSchema<unknown, T>): Promise<T> {
  const text = (await source.body()).toString()
  if (text !== '') requireJson(source)
  const body = text === '' ? {} : parseJson(text)
  if (body === undefined) throw new HttpError(400, 'invalid_request', 'the body is not JSON')
  // A schema of an object accepts a list as well.
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new HttpError(400, 'invalid_request', 'the body must be an object')
  }
  const parsed = v.safeParse(schema, body)
  if (parsed.success) return parsed.output
  const { message, ...details } = problemOf(parsed.issues, schema)
  throw new HttpError(400, 'invalid_request', message, { details })
}

/**
 * Refuses a body by the length that its request declares, before anything of it is read.
 * @throws HttpError 413
 */
export function guardDeclaredLength({ headers }: Request, most: number): void {
  const declared = headers.get('content-length')
  if (declared !== null && Number(declared) > most) throw tooLarge(most)
}

/**
 * @param most bytes; a longer body is refused as soon as it is seen to be longer
 * @param held counts what has arrived until the request is over
 * @throws HttpError 400 when the client goes away, 413, 503
 */
export async function readBytes(
  request: Request,
  most: number,
  held: HeldBodies,
): Promise<Buffer<ArrayBuffer>> {
  guardDeclaredLength(request, most)
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.length
      if (size > most) throw tooLarge(most)
      held.add(request, chunk.length)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof HttpError || !request.signal.aborted) throw error
    // Nobody reads this response; it is for the access log, where it is no defect.
    throw new HttpError(400, 'incomplete_body', 'the client went away before its request was complete')
  }
  return Buffer.concat(chunks)
}

/**
 * Without this, any web page could send a "simple" cross-site POST (text/plain) that we would read.
 * @throws HttpError 415
 */
export function requireJson({ headers }: Pick<BodySource, 'headers'>): void {
  // RFC 9110 §8.3.1: the names of media types have no case.
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type === 'application/json') return
  throw new HttpError(415, 'unsupported_media_type', 'the body must be application/json')
}

function tooLarge(most: number): HttpError {
  const kib = most / 1024
  const size = kib < 1024 ? `${kib} KiB` : `${kib / 1024} MiB`
  // The rest of the body is not read, so the connection cannot carry another request.
  return new HttpError(413, 'too_large', `the body is larger than ${size}`, {
    headers: { connection: 'close' },
  })
}

/** Reads the body of a request, bounded: as bytes, or as JSON that a schema accepts. */
import * as v from 'valibot'
import { parseJson } from '../../../platform/parse-json.ts'
import { HttpError } from '../response/http-error.ts'
import { problemOf } from './describe-body-error.ts'

const MAX_BODY_BYTES = 10 * 1024 * 1024

/**
 * The JSON body of a request, checked. An absent body counts as `{}`.
 * @throws HttpError 400, 413 or 415; the message names the field, never its value
 */
export async function readBody<T>(request: Request, schema: v.GenericSchema<unknown, T>): Promise<T> {
  const text = (await readBytes(request)).toString()
  if (text !== '') requireJson(request)
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

function tooLarge(most: number): HttpError {
  return new HttpError(413, 'too_large', `the body is larger than ${most / 1024 / 1024} MiB`)
}

import { HttpError } from './http-error.ts'

/** Different field names; browsers and proxies send a few dozen (RFC 9110 §5.4 lets a server draw the line). */
const MAX_HEADERS = 100
/** RFC 9110 §4.1: at least 8000 octets should be supported. */
const MAX_URL_CHARACTERS = 8192

/**
 * What `Bun.serve` lets through and we do not. It answers 431 by itself to a head of more than 16 KiB or of
 * more than 200 lines; bodies are bounded where they are read.
 * @throws HttpError 400, 414 or 431
 */
export function guardBounds({ url, headers }: Request): void {
  // RFC 9112 §3.2: two of them are refused, since a proxy before us may have gone by the other one. Bun joins them.
  if (headers.get('host')?.includes(',') === true) {
    throw new HttpError(400, 'invalid_request', 'a request has one Host')
  }
  if (url.length > MAX_URL_CHARACTERS) {
    throw new HttpError(414, 'uri_too_long', `an address has at most ${MAX_URL_CHARACTERS} characters`)
  }
  if (headers.count > MAX_HEADERS) {
    throw new HttpError(431, 'headers_too_large', `a request has at most ${MAX_HEADERS} header fields`)
  }
}

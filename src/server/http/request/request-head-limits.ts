/** Bounds on the request line and the header. */
import { HttpError } from '../response/http-error.ts'

/** Of different field names. Browsers and proxies send a few dozen (RFC 9110 §5.4 lets a server set a limit). */
const MAX_HEADERS = 100
/** RFC 9110 §4.1: at least 8000 octets should be supported. */
const MAX_URL_CHARACTERS = 8192

/**
 * Refuses requests that `Bun.serve` accepts. Bun itself responds with 431 to a header of more than 16 KiB or 200 lines;
 * bodies are bounded where they are read.
 * @throws HttpError 400, 414 or 431
 */
export function guardBounds({ url, headers }: Request): void {
  // RFC 9112 §3.2: two Hosts are refused, because a proxy before us may have used the other one. Bun joins them.
  if (headers.get('host')?.includes(',') === true) {
    throw new HttpError(400, 'invalid_request', 'a request has exactly one Host')
  }
  if (url.length > MAX_URL_CHARACTERS) {
    throw new HttpError(414, 'uri_too_long', `an address has at most ${MAX_URL_CHARACTERS} characters`)
  }
  if (headers.count > MAX_HEADERS) {
    throw new HttpError(431, 'headers_too_large', `a request has at most ${MAX_HEADERS} header fields`)
  }
}

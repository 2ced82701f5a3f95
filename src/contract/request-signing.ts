/** Signed requests, for both ends. docs/signing.md has the words and test vectors. */
import { createHash, createHmac } from 'node:crypto'

export const SIGNATURE_HEADER = 'x-cli-signature'
export const TIMESTAMP_HEADER = 'x-cli-timestamp'
export const NONCE_HEADER = 'x-cli-nonce'

/** How far a timestamp may be from the server's clock, in both directions. */
export const SIGNATURE_WINDOW_MS = 5 * 60_000

/** Without ":", which separates the parts of the signed text: they could be shifted otherwise. */
const NONCE_PATTERN = /^[!-9;-~]{8,128}$/

export interface SignedParts {
  /** Milliseconds since 1970, as it stands in the header. */
  timestamp: string
  nonce: string
  /** Upper case. */
  method: string
  /** With the query string, as it is sent: `/api/runs?limit=5`. */
  path: string
  /** The body's bytes as they are sent; empty without a body. */
  body: Uint8Array
}

/** @returns the signature in lower-case hex: HMAC-SHA256 of `timestamp:nonce:METHOD:path:bodyHash`. */
export function signatureOf(parts: SignedParts, token: string): string {
  const { timestamp, nonce, method, path, body } = parts
  const bodyHash = createHash('sha256').update(body).digest('hex')
  return createHmac('sha256', token)
    .update(`${timestamp}:${nonce}:${method}:${path}:${bodyHash}`)
    .digest('hex')
}

export function isNonce(text: string): boolean {
  return NONCE_PATTERN.test(text)
}

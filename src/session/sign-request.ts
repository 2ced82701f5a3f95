/** The headers of a signed request (docs/signing.md). */
import { randomUUID } from 'node:crypto'
import { NONCE_HEADER, SIGNATURE_HEADER, signatureOf, TIMESTAMP_HEADER } from '../contract/request-signing.ts'
import type { Secret } from '../redact/secret.ts'

/**
 * None for a credential that is not a `ci_` token: a request can be signed with nothing else.
 * @param now milliseconds since 1970
 */
export function signatureHeaders(
  request: { method: string; url: URL; body?: string },
  authorization: Secret | undefined,
  now: number,
): Record<string, string> {
  const [, token] = /^Bearer (ci_.+)$/.exec(authorization?.reveal() ?? '') ?? []
  if (token === undefined) return {}
  const { method, url, body = '' } = request
  const parts = {
    timestamp: String(now),
    nonce: randomUUID(),
    method,
    path: url.pathname + url.search,
    body: new TextEncoder().encode(body),
  }
  return {
    [TIMESTAMP_HEADER]: parts.timestamp,
    [NONCE_HEADER]: parts.nonce,
    [SIGNATURE_HEADER]: signatureOf(parts, token),
  }
}

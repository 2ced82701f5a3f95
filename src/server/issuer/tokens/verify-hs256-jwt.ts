/** Verifying the HS256 signature of a JWT. */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'

/**
 * The header and the claims of a JWT that this key signed: compact form (RFC 7515 §3.1), HMAC with SHA-256
 * whatever the header says of algorithms, so there is nothing to confuse. Nothing of it is read before the
 * signature holds. By node:crypto: a library takes some hundred microseconds and leaves the thread for it.
 * @returns undefined for whatever else it is; what header and claims say is for the caller to check
 */
export function openHs256(token: string, key: KeyObject): { header: unknown; claims: unknown } | undefined {
  const [header, claims, signature, ...more] = token.split('.')
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0) {
    return undefined
  }
  // As text: bytes have several spellings in base64url, and a token has one.
  const expected = Buffer.from(createHmac('sha256', key).update(`${header}.${claims}`).digest('base64url'))
  const given = Buffer.from(signature)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  try {
    return { header: parse(header), claims: parse(claims) }
  } catch {
    return undefined
  }
}

function parse(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString())
}

import {
  isNonce,
  NONCE_HEADER,
  SIGNATURE_HEADER,
  SIGNATURE_WINDOW_MS,
  signatureOf,
  TIMESTAMP_HEADER,
} from '../../contract/request-signing.ts'
import type { Nonces } from '../accounts/used-nonces.ts'
import type { Eventually } from './value-or-promise.ts'
import { sameSecret } from './constant-time-compare.ts'

/** What a signature is about: the request as it came. */
export interface SignedRequest {
  /** Upper case. */
  method: string
  /** The path with the query string. */
  target: string
  headers: Headers
  /** The body's bytes; none for no body. */
  body(): Promise<Uint8Array>
}

/** Why a good token was not enough. */
export interface Refusal {
  refused: 'signature_required' | 'signature_invalid' | 'signature_expired' | 'nonce_reused'
  message: string
}

export interface SignatureCheck {
  /** The key of the HMAC, and whose nonces these are. */
  token: { text: string; id: string; signatureRequired: boolean }
  request: SignedRequest
  /** Milliseconds since 1970. */
  now(): number
  nonces: Pick<Nonces, 'take'>
}

/**
 * Holds a request to its signature (S182 to S189). One that is there is always checked, also where the token
 * asks for none: a request with a wrong one was changed on its way.
 * @returns undefined when the request may go on
 */
export function checkSignature(check: SignatureCheck): Eventually<Refusal | undefined> {
  const { token, request } = check
  // This one header alone makes a request a signed one: most have none, and looking for more would cost them.
  const signature = request.headers.get(SIGNATURE_HEADER)
  if (signature === null) {
    if (!token.signatureRequired) return undefined
    return refusal('signature_required', 'this token is for signed requests only')
  }
  const timestamp = request.headers.get(TIMESTAMP_HEADER)
  const nonce = request.headers.get(NONCE_HEADER)
  if (timestamp === null || nonce === null) {
    return refusal(
      'signature_invalid',
      `a signed request has ${SIGNATURE_HEADER}, ${TIMESTAMP_HEADER} and ${NONCE_HEADER}`,
    )
  }
  return checkSigned(check, { signature, timestamp, nonce })
}

async function checkSigned(
  { token, request, now, nonces }: SignatureCheck,
  { signature, timestamp, nonce }: { signature: string; timestamp: string; nonce: string },
): Promise<Refusal | undefined> {
  if (!/^\d{1,15}$/.test(timestamp) || !isNonce(nonce)) {
    return refusal(
      'signature_invalid',
      'the timestamp is in milliseconds, the nonce 8 to 128 printable characters without ":"',
    )
  }
  const tooFar = () => Math.abs(now() - Number(timestamp)) > SIGNATURE_WINDOW_MS
  // Before the body is read, so that what is too old costs nothing; and after it, because a body can be sent
  // so slowly that the nonce has been forgotten meanwhile.
  if (tooFar()) return expired()
  const body = await request.body()
  if (tooFar()) return expired()
  const parts = { timestamp, nonce, method: request.method, path: request.target, body }
  if (!sameSecret(signature, signatureOf(parts, token.text))) {
    return refusal('signature_invalid', 'the signature does not match the request')
  }
  // Last: only who holds the token can use up a nonce, or fill the memory of them.
  if (!nonces.take(token.id, nonce, Number(timestamp) + SIGNATURE_WINDOW_MS)) {
    return refusal('nonce_reused', 'the nonce was used before')
  }
  return undefined
}

function expired(): Refusal {
  return refusal('signature_expired', 'the timestamp is more than five minutes from the time of this server')
}

function refusal(refused: Refusal['refused'], message: string): Refusal {
  return { refused, message }
}

/** Checks the signature of a request that was made with a scoped token. */
import {
  isNonce,
  NONCE_HEADER,
  SIGNATURE_HEADER,
  SIGNATURE_WINDOW_MS,
  signatureOf,
  TIMESTAMP_HEADER,
} from '../../contract/request-signing.ts'
import type { Nonces } from '../accounts/used-signature-nonces.ts'
import type { SignatureRefusal } from './authentication-outcome-type.ts'
import type { Eventually } from './value-or-promise.ts'
import { sameSecret } from './constant-time-compare.ts'

/** The request that a signature covers, as it arrived. */
export interface SignedRequest {
  /** Upper case. */
  method: string
  /** The path with the query string. */
  target: string
  headers: Headers
  /** The bytes of the body; empty where there is no body. */
  body(): Promise<Uint8Array>
}

interface SignatureCheck {
  /** `text` is the key of the HMAC; nonces are counted by `id`. */
  token: { text: string; id: string; signatureRequired: boolean }
  request: SignedRequest
  /** Milliseconds since 1970. */
  now(): number
  nonces: Pick<Nonces, 'take'>
}

/**
 * Checks the signature of a request. A signature that is present is always checked, also where the token does not
 * require one: a wrong signature means that the request was changed in transit.
 * @returns undefined when the request is accepted
 */
export function checkSignature(check: SignatureCheck): Eventually<SignatureRefusal | undefined> {
  const { token, request } = check
  // This header alone makes a request a signed one. Most requests have none, and need no other header read.
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
): Promise<SignatureRefusal | undefined> {
  if (!/^\d{1,15}$/.test(timestamp) || !isNonce(nonce)) {
    return refusal(
      'signature_invalid',
      'the timestamp is in milliseconds, the nonce 8 to 128 printable characters without ":"',
    )
  }
  const tooFar = () => Math.abs(now() - Number(timestamp)) > SIGNATURE_WINDOW_MS
  // Before the body is read, so that an old request costs nothing; and after it, because a body can be sent so
  // slowly that the nonce is no longer remembered.
  if (tooFar()) return expired()
  const body = await request.body()
  if (tooFar()) return expired()
  const parts = { timestamp, nonce, method: request.method, path: request.target, body }
  if (!sameSecret(signature, signatureOf(parts, token.text))) {
    return refusal('signature_invalid', 'the signature does not match the request')
  }
  // Last: only the holder of the token can use up a nonce, or fill the list of used ones.
  if (!nonces.take(token.id, nonce, Number(timestamp) + SIGNATURE_WINDOW_MS)) {
    return refusal('nonce_reused', 'the nonce was used before')
  }
  return undefined
}

function expired(): SignatureRefusal {
  return refusal('signature_expired', 'the timestamp is more than five minutes from the time of this server')
}

function refusal(code: SignatureRefusal['code'], message: string): SignatureRefusal {
  return { kind: 'refused', code, message }
}

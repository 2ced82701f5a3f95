/** A refused poll of a device in the words of its protocol (RFC 8628 §3.5), which has one for "too often". */
import { DEVICE_GRANT } from '../../../contract/cli-oauth-client.ts'
import { HttpError } from './http-error.ts'

/** A poll: the path, and what its form names. */
export interface TokenRequest {
  path: string
  method: string
  body(): Promise<Buffer<ArrayBuffer>>
}

/** `slow_down` for `rate_limited` where a device polls; status and headers, which name a time, stay. */
export async function asDeviceIsTold(refusal: HttpError, request: TokenRequest): Promise<HttpError> {
  if (refusal.status !== 429 || request.method !== 'POST' || request.path !== '/oauth/token') return refusal
  const form = new URLSearchParams(await request.body().then(String, () => ''))
  if (form.get('grant_type') !== DEVICE_GRANT) return refusal
  const { status, message, details, headers } = refusal
  return new HttpError(status, 'slow_down', message, { details, headers })
}

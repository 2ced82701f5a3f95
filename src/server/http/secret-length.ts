import { MIN_SECRET_BYTES } from '../../contract/api.ts'
import { HttpError } from './answer.ts'

/** @throws HttpError 400 for an empty value, and for one so short that hiding it would blacken ordinary text */
export function checkSecretLength(key: string, value: string, allowShort: boolean | undefined): void {
  const bytes = Buffer.byteLength(value)
  if (bytes === 0) throw new HttpError(400, 'invalid_request', `the value of ${key} is empty`)
  if (bytes < MIN_SECRET_BYTES && allowShort !== true) {
    throw new HttpError(
      400,
      'secret_too_short',
      `the value of ${key} has fewer than ${MIN_SECRET_BYTES} bytes: hiding it would blacken ordinary text in logs`,
      { details: { hint: 'use a longer value, or --allow-short' } },
    )
  }
}

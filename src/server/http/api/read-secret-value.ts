import {
  isReservedSecret,
  MIN_SECRET_BYTES,
  RESERVED_SECRET_PREFIX,
  type SecretValue,
} from '../../../contract/api/secrets.ts'
import { Secret } from '../../../redact/secret.ts'
import { sizeProblem } from '../../vault/secret-size.ts'
import { HttpError } from '../response.ts'

/**
 * A value as it was sent, text or base64.
 * @throws HttpError 400 for an empty value, and for one so short that hiding it would blacken ordinary text
 */
export function readSecretValue(key: string, sent: SecretValue, allowShort: boolean | undefined): Secret {
  const value = new Secret(typeof sent === 'string' ? sent : Buffer.from(sent.base64, 'base64'))
  const problem = sizeProblem(value)
  if (problem === 'empty') throw new HttpError(400, 'invalid_request', `the value of ${key} is empty`)
  if (problem === 'short' && allowShort !== true) {
    throw new HttpError(
      400,
      'secret_too_short',
      `the value of ${key} has fewer than ${MIN_SECRET_BYTES} bytes: hiding it would blacken ordinary text in logs`,
      { details: { hint: 'use a longer value, or --allow-short' } },
    )
  }
  return value
}

/** @throws HttpError 400 for a name that no pipeline could read, so that nobody wonders why later */
export function refuseReserved(key: string): void {
  if (!isReservedSecret(key)) return
  const message = `${key}: names that begin with ${RESERVED_SECRET_PREFIX} are the server's own`
  throw new HttpError(400, 'reserved_name', message, { details: { hint: 'choose another name' } })
}

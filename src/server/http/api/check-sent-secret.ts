/** The value and the name of a secret in a request, checked. */
import {
  isReservedSecret,
  MIN_SECRET_BYTES,
  RESERVED_SECRET_PREFIX,
  type SecretValue,
} from '../../../contract/api/secrets.ts'
import { Secret } from '../../../redact/secret.ts'
import { sizeProblem } from '../../vault/secret-size-limits.ts'
import { HttpError } from '../response/http-error.ts'

/**
 * A value as it was sent, text or base64.
 * @throws HttpError 400 for an empty value, and for one so short that redacting it would make logs unreadable
 */
export function readSecretValue(key: string, sent: SecretValue, allowShort: boolean | undefined): Secret {
  const value = new Secret(typeof sent === 'string' ? sent : Buffer.from(sent.base64, 'base64'))
  const problem = sizeProblem(value)
  if (problem === 'empty') throw new HttpError(400, 'invalid_request', `the value of ${key} is empty`)
  if (problem === 'short' && allowShort !== true) {
    throw new HttpError(
      400,
      'secret_too_short',
      `the value of ${key} has fewer than ${MIN_SECRET_BYTES} bytes: redacting it would make logs unreadable`,
      { details: { hint: 'use a longer value, or --allow-short' } },
    )
  }
  return value
}

/** @throws HttpError 400 for a name that no pipeline could read */
export function refuseReserved(key: string): void {
  if (!isReservedSecret(key)) return
  const message = `${key}: names that start with ${RESERVED_SECRET_PREFIX} are reserved for the server`
  throw new HttpError(400, 'reserved_name', message, { details: { hint: 'choose another name' } })
}

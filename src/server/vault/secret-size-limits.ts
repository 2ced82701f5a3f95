/** The bounds on the length of a secret. */
import { MAX_SECRET_BYTES, MIN_SECRET_BYTES } from '../../contract/api/secrets.ts'
import type { Secret } from '../../redact/secret.ts'

/** What is wrong with the length of a value. A short one can be asked for all the same: redacting it redacts much else. */
export function sizeProblem(value: Secret): 'empty' | 'short' | 'long' | undefined {
  const { length } = value.bytes()
  if (length === 0) return 'empty'
  if (length < MIN_SECRET_BYTES) return 'short'
  return length > MAX_SECRET_BYTES ? 'long' : undefined
}

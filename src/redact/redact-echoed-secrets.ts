/** Redaction of short texts, such as a server's error messages, that may repeat what was sent to it. */
import { createRedactor } from './redactor.ts'
import type { Secret } from './secret.ts'
import { MARK } from './redacting-stream.ts'

/** Shorter secrets are not redacted: blackening ordinary text would give them away. */
const SHORTEST_BYTES = 4
/** It would take seconds to look for longer ones. They can only stand in a text that is as long. */
const LONG_BYTES = 4096

/** @returns what takes these secrets out of a text in which a server may repeat them. */
export function textRedactor(secrets: readonly Secret[]): (text: string) => string {
  const redactor = createRedactor()
  let long = false
  for (const secret of secrets) {
    const { length } = secret.bytes()
    if (length >= LONG_BYTES) long = true
    else if (length >= SHORTEST_BYTES) redactor.add('sent', secret)
  }
  return (text) => (long && Buffer.byteLength(text) >= LONG_BYTES ? MARK : redactor.text(text))
}

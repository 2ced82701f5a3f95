import { createRedactor } from './redactor.ts'
import type { Secret } from './secret.ts'
import { MARK } from './redacting-stream.ts'

/** Shorter ones are left alone: they would blacken ordinary text, which gives them away. */
const SHORTEST_BYTES = 4
/** It would take seconds to look for longer ones. They can only stand in a text that is as long. */
const LONG_BYTES = 4096

/** What takes secrets that were sent out of what the server says. */
export function hiding(secrets: readonly Secret[]): (text: string) => string {
  const redactor = createRedactor()
  let long = false
  for (const secret of secrets) {
    const { length } = secret.bytes()
    if (length >= LONG_BYTES) long = true
    else if (length >= SHORTEST_BYTES) redactor.add('sent', secret)
  }
  return (text) => (long && Buffer.byteLength(text) >= LONG_BYTES ? MARK : redactor.text(text))
}

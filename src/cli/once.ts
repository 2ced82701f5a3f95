import { Secret } from '../redact/secret.ts'
import type { Client } from './client.ts'
import type { Deps } from './deps.ts'
import { printJson } from './output.ts'

/**
 * Prints what is shown only once: the value alone on stdout, so that it can go straight into a file or a
 * variable, and the words about it on stderr. With `-o json`, the whole answer.
 */
export function printOnce(
  { io }: Deps,
  { format, say }: Pick<Client, 'format' | 'say'>,
  answer: { token: string },
  about: string,
): void {
  say(about)
  say('The value is shown now and never again')
  const value = new Secret(answer.token)
  if (format === 'json') return printJson(io, { ...answer, token: value.reveal() })
  io.stdout.write(`${value.reveal()}\n`)
}

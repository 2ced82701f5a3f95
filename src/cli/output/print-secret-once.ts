import { OutputError } from '../../platform/terminal/standard-streams.ts'
import { Secret } from '../../redact/secret.ts'
import type { Client } from '../client/client.ts'
import type { Deps } from '../deps.ts'
import { outputFault } from '../exit-codes.ts'
import { printJson } from './print.ts'

/**
 * Prints what is shown only once: the value alone on stdout, so that it can go straight into a file or a
 * variable, and the words about it on stderr. With `-o json`, the whole answer.
 * @param words about it, and the way out when it could not be printed, as it works all the same.
 */
export function printOnce(
  { io }: Deps,
  { format, say }: Pick<Client, 'format' | 'say'>,
  answer: { token: string },
  words: { about: string; unseen: string },
): void {
  say(words.about)
  say('The value is shown now and never again')
  const value = new Secret(answer.token)
  try {
    if (format === 'json') printJson(io, { ...answer, token: value.reveal() })
    else io.stdout.write(`${value.reveal()}\n`)
  } catch (error) {
    if (error instanceof OutputError) throw outputFault(error, `nobody has seen the value: ${words.unseen}`)
    throw error
  }
}

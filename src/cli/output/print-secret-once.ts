/** Prints a value that the server shows only once, such as a new token. */
import { OutputError } from '../../platform/terminal/standard-streams.ts'
import { Secret } from '../../redact/secret.ts'
import type { Client } from '../client/command-context.ts'
import type { Deps } from '../deps.ts'
import { outputFault } from './render-fault.ts'
import { printJson } from './print.ts'

/**
 * The value alone goes to stdout, so that it can be sent straight into a file or a variable, and what is said about it
 * to stderr. With `-o json`, the whole response.
 * @param words about it, and what to do when it could not be printed, as it is valid all the same
 * @throws Fault `failed` when standard output cannot be written to
 */
export function printSecretOnce(
  { io }: Deps,
  { format, say }: Pick<Client, 'format' | 'say'>,
  created: { token: string } | { url: string },
  words: { about: string; unseen: string },
): void {
  say(words.about)
  const isLink = 'url' in created
  say(`The ${isLink ? 'link' : 'value'} is shown now and never again`)
  const value = new Secret(isLink ? created.url : created.token)
  try {
    if (format === 'json') printJson(io, created)
    else io.stdout.write(`${value.reveal()}\n`)
  } catch (error) {
    if (error instanceof OutputError)
      throw outputFault(error, `the value was not shown to anybody: ${words.unseen}`)
    throw error
  }
}

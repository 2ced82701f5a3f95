/** `fob __complete`: what the completion scripts call to learn what can stand at the cursor. */
import { Fault } from '../../contract/fault.ts'
import { type Command, defineCommand } from '../command.ts'
import { complete } from '../completion/complete-at-cursor.ts'
import { lookupWith } from '../completion/look-up-server-and-login-names.ts'
import type { Deps } from '../deps.ts'

/** Far more than a line can hold on most systems. */
const MAX_BYTES = 2 * 1024 * 1024

export const command = defineCommand({
  meta: {
    description: 'Say what can stand at the cursor',
    details: `For the scripts of fob completion. Reads the words behind fob, up to the cursor, from standard input, each ended
by a NUL. Prints a line "words", "files" or "folders", then WORD<TAB>DESCRIPTION lines.`,
    examples: [String.raw`printf '%s\0' pipeline '' | fob __complete`],
    hidden: true,
  },
  args: {},
  run: ({ root }, deps) => printCandidates({ root }, deps),
})

interface PrintCandidatesOptions {
  root: Command
}

async function printCandidates({ root }: PrintCandidatesOptions, deps: Deps): Promise<void> {
  const bytes = await deps.io.stdin.readAll(MAX_BYTES)
  if (bytes === null) throw new Fault('usage', 'the line is too long')
  const words = new TextDecoder().decode(bytes).replace(/\0$/, '').split('\0')
  const completion = await complete(words, root, lookupWith(deps))
  const lines =
    completion.kind === 'words'
      ? completion.candidates.map(({ value, description = '' }) => `${value}\t${description}`)
      : []
  deps.io.stdout.write([completion.kind, ...lines, ''].join('\n'))
}

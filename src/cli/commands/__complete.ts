import { Fault } from '../../contract/fault.ts'
import { defineCommand } from '../command.ts'
import { complete } from '../completion/complete.ts'
import { lookupWith } from '../completion/lookup.ts'
import { TREE } from '../root-command.ts'

/** Far more than a line can hold on most systems. */
const MAX_BYTES = 2 * 1024 * 1024

export const command = defineCommand({
  summary: 'Say what can stand at the cursor',
  description: `For the scripts of fob completion. The words behind fob, up to the cursor, come on standard input, each ended by
a NUL. The answer is a line "words", "files" or "folders", then WORD<TAB>DESCRIPTION lines.`,
  examples: [String.raw`printf '%s\0' pipeline '' | fob __complete`],
  flags: {},
  positionals: {},
  async run(_, deps) {
    const bytes = await deps.io.stdin.readAll(MAX_BYTES)
    if (bytes === null) throw new Fault('usage', 'the line is too long')
    const words = new TextDecoder().decode(bytes).replace(/\0$/, '').split('\0')
    const completion = await complete(words, TREE, lookupWith(deps))
    const lines =
      completion.kind === 'words'
        ? completion.candidates.map(({ value, description = '' }) => `${value}\t${description}`)
        : []
    deps.io.stdout.write([completion.kind, ...lines, ''].join('\n'))
  },
})

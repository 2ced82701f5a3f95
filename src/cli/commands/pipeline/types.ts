import types from '../../../contract/fob.d.ts.txt' with { type: 'text' }
import { defineCommand } from '../../command.ts'
import { printForeign } from '../../output/print.ts'

export const command = defineCommand({
  summary: 'Print what a pipeline can call, as TypeScript',
  description:
    'For an editor or tsc: the types of runtime, secrets in them, webhooks, and all else (fob.d.ts).',
  examples: ['fob pipeline types > fob.d.ts'],
  flags: {},
  positionals: {},
  async run(_input, { io }) {
    printForeign(io.stdout, types)
  },
})

/** `fob pipeline types`: prints the types of what a pipeline can call. */
import types from '../../../contract/fob.d.ts.txt' with { type: 'text' }
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printForeign } from '../../output/print.ts'

export const command = defineCommand({
  meta: {
    description: 'Print the TypeScript types of what a pipeline can call',
    details: 'For an editor or tsc (fob.d.ts): the runtime and its secrets, webhooks, and all other globals.',
    examples: ['fob pipeline types > fob.d.ts'],
  },
  args: {},
  run: async (_invocation, deps) => printTypes(deps),
})

function printTypes({ io }: Deps): void {
  printForeign(io.stdout, types)
}

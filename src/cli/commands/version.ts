/** `fob version`: prints the version. */
import { VERSION } from '../../platform/build-constants.ts'
import { defineCommand } from '../command.ts'
import type { Deps } from '../deps.ts'
import { printJson } from '../output/print.ts'
import type { Globals } from '../parsing/global-flags.ts'

export const command = defineCommand({
  meta: { description: 'Print the version', examples: ['fob version', 'fob version -o json'] },
  args: {},
  run: async ({ globals }, deps) => printVersion({ output: globals.output }, deps),
})

type PrintVersionOptions = Pick<Globals, 'output'>

function printVersion({ output }: PrintVersionOptions, { io }: Deps): void {
  if (output === 'json') return printJson(io, { version: VERSION, bun: Bun.version })
  io.stdout.write(`fob ${VERSION}\n`)
}

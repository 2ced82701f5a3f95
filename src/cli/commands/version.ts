import { VERSION } from '../../platform/build-constants.ts'
import { defineCommand } from '../command.ts'
import { printJson } from '../output/print.ts'

export const command = defineCommand({
  summary: 'Print the version',
  examples: ['fob version', 'fob version -o json'],
  flags: {},
  positionals: {},
  async run({ globals }, { io }) {
    if (globals.output === 'json') return printJson(io, { version: VERSION, bun: Bun.version })
    io.stdout.write(`fob ${VERSION}\n`)
  },
})

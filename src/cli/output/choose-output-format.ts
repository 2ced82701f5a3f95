/** In which format a command prints: a table, tab-separated values or JSON. */
import type { Deps } from '../deps.ts'
import { notAnOption } from '../parsing/check-arguments.ts'
import { type Globals, OUTPUT_FORMATS, type OutputFormat } from '../parsing/global-flags.ts'

/**
 * `--output`, then `FOB_OUTPUT`, then the setting, then what suits the place: a table, or tsv in a pipe.
 * @throws Fault `usage` where the variable or the setting names no format
 */
export function chosenFormat(deps: Deps, globals: Pick<Globals, 'output'>, setting?: string): OutputFormat {
  return (
    globals.output ??
    parseFormat(deps.env.FOB_OUTPUT || undefined, 'FOB_OUTPUT') ??
    parseFormat(setting, 'the setting "output"') ??
    (deps.io.stdout.isTerminal ? 'table' : 'tsv')
  )
}

function parseFormat(text: string | undefined, from: string): OutputFormat | undefined {
  if (text === undefined) return undefined
  const format = OUTPUT_FORMATS.find((known) => known === text)
  if (format === undefined) throw notAnOption(from, text, { options: OUTPUT_FORMATS })
  return format
}

import type { Deps } from '../deps.ts'
import type { Globals, OutputFormat } from '../parsing/global-flags.ts'
import { outputFormat } from '../parsing/check-arguments.ts'

/** `--output`, then `FOB_OUTPUT`, then the setting, then what suits the place: a table, or tsv in a pipe. */
export function chosenFormat(deps: Deps, globals: Pick<Globals, 'output'>, setting?: string): OutputFormat {
  return (
    globals.output ??
    outputFormat(deps.env.FOB_OUTPUT || undefined, 'FOB_OUTPUT') ??
    outputFormat(setting, 'the setting "output"') ??
    (deps.io.stdout.isTerminal ? 'table' : 'tsv')
  )
}

import { administer, type Administration } from '../../../server/administer.ts'
import type { Deps } from '../../deps.ts'
import { chosenFormat } from '../../format.ts'
import type { Globals } from '../../globals.ts'
import { printJson } from '../../output.ts'

export const dataFlag = {
  type: 'string',
  value: 'DIR',
  description: "the server's data folder (default ./fob-data; FOB_DATA)",
} as const

/** The data folder that `--data`, `FOB_DATA` or `CI_DATA` names. */
export function dataFolder(deps: Deps, data: string | undefined): string {
  return data ?? deps.env.FOB_DATA ?? deps.env.CI_DATA ?? './fob-data'
}

/** Works on what is in the data folder. */
export function onData<T>(
  deps: Deps,
  options: { data: string | undefined; create?: boolean },
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  const dataDir = dataFolder(deps, options.data)
  return administer({ dataDir, clock: deps.clock, create: options.create === true }, work)
}

/** Says what was done, in words; with `-o json` also as an object on stdout. */
export function did(
  deps: Deps,
  globals: Pick<Globals, 'output' | 'silent'>,
  what: object,
  words: string,
): void {
  if (chosenFormat(deps, globals) === 'json') printJson(deps.io, what)
  if (!globals.silent) deps.io.stderr.write(`${words}\n`)
}

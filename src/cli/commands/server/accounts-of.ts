import { administer, type Administration } from '../../../server/administer.ts'
import type { Deps } from '../../deps.ts'
import { chosenFormat } from '../../format.ts'
import type { Globals } from '../../globals.ts'
import { sayDone } from '../../output.ts'

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

/** As `Client.did`, of what no server was asked for. */
export function did(
  deps: Deps,
  globals: Pick<Globals, 'output' | 'silent'>,
  what: object,
  words: string,
): void {
  const { io } = deps
  const say = (text: string) => void (globals.silent || io.stderr.write(`${text}\n`))
  sayDone({ io, format: chosenFormat(deps, globals), say }, what, words)
}

import { administer, type Administration } from '../../server/administration/open-data-folder.ts'
import { readDataDir } from '../../server/settings/settings.ts'
import type { Deps } from '../deps.ts'
import { chosenFormat } from '../output/output-format.ts'
import type { Globals } from '../parsing/global-flags.ts'
import { sayDone } from '../output/print.ts'
import { settingSources } from './setting-flags.ts'

/** Where the data is, as `fob server` is told. */
export const dataFlags = {
  config: {
    type: 'string',
    value: 'FILE',
    description: "the server's settings in TOML, which say where its data is",
  },
  data: {
    type: 'string',
    value: 'DIR',
    description: "the server's data folder (default ./fob-data; FOB_DATA)",
  },
} as const

/** What was given for them. */
export interface DataFlags {
  config: string | undefined
  data: string | undefined
}

/** The data folder that `--data`, `FOB_DATA`, `CI_DATA` or the file of `--config` names. */
export async function dataFolder(deps: Deps, { config, data }: DataFlags): Promise<string> {
  return readDataDir(await settingSources({ config, data }, deps))
}

/** Works on what is in the data folder. */
export async function onData<T>(
  deps: Deps,
  flags: DataFlags,
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  return administer({ dataDir: await dataFolder(deps, flags), clock: deps.clock }, work)
}

/** The same, for what a server can begin with: where there is no data, makes a new server, and says so. */
export async function onDataOrNew<T>(
  deps: Deps,
  { flags, globals }: { flags: DataFlags; globals: Pick<Globals, 'silent'> },
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  const dataDir = await dataFolder(deps, flags)
  const onCreated = () => {
    if (!globals.silent) deps.io.stderr.write(`Made ${dataDir} for a new server\n`)
  }
  return administer({ dataDir, clock: deps.clock, create: true, onCreated }, work)
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

/** What the commands of `fob server` share that work on a server's folder of data, whether or not the server runs. */
import { administer, type Administration } from '../../server/administration/open-data-folder.ts'
import { readDataDir } from '../../server/settings/settings.ts'
import type { Deps } from '../deps.ts'
import { chosenFormat } from '../output/choose-output-format.ts'
import { sayDone } from '../output/print.ts'
import type { Args } from '../parsing/argument-definitions.ts'
import type { Globals } from '../parsing/global-flags.ts'
import { settingSources } from './server-setting-flags.ts'

/** Where the data is, as `fob server` takes it. */
export const dataFlags = {
  config: {
    type: 'string',
    valueHint: 'FILE',
    description: "the server's settings in TOML, which say where its data is",
  },
  data: {
    type: 'string',
    valueHint: 'DIR',
    description: "the server's data folder (default ./fob-data; FOB_DATA)",
  },
} as const satisfies Args

/** What was given for them. */
export interface DataFlags {
  config: string | undefined
  data: string | undefined
}

/** What every command on a folder of data is given. */
export interface DataOptions {
  globals: Globals
  /** Which folder. */
  at: DataFlags
}

/** The data folder that `--data`, `FOB_DATA`, `CI_DATA` or the file of `--config` names. */
export async function dataFolder({ config, data }: DataFlags, deps: Deps): Promise<string> {
  return readDataDir(await settingSources({ config, data }, deps))
}

/** Works on what is in the data folder. */
export async function onData<T>(
  { at }: Pick<DataOptions, 'at'>,
  deps: Deps,
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  return administer({ dataDir: await dataFolder(at, deps), clock: deps.clock }, work)
}

/** The same for what a new server can start with: where there is no data, creates it, and says so. */
export async function onDataOrNew<T>(
  { at, globals }: DataOptions,
  deps: Deps,
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  const dataDir = await dataFolder(at, deps)
  const onCreated = () => {
    if (!globals.silent) deps.io.stderr.write(`Created ${dataDir} for a new server\n`)
  }
  return administer({ dataDir, clock: deps.clock, create: true, onCreated }, work)
}

/** As `Client.did`, without a server that was called. */
export function did(
  globals: Pick<Globals, 'output' | 'silent'>,
  deps: Deps,
  done: { what: object; words: string },
): void {
  const { io } = deps
  const say = (text: string) => void (globals.silent || io.stderr.write(`${text}\n`))
  sayDone({ io, format: chosenFormat(deps, globals), say }, done.what, done.words)
}

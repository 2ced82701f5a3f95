/** Finds the command that a command line names, and loads nothing but it. */
import { Fault } from '../../contract/fault.ts'
import { nearest } from '../../contract/nearest-word.ts'
import type { Command, SubCommands } from '../command.ts'
import { flagTable, takesValue } from './flag-table.ts'
import { GLOBAL_FLAGS } from './global-flags.ts'

export interface Found {
  /** The words typed. */
  path: string[]
  command: Command
  /** What is left for the command: global flags that stood before its words, then everything after them. */
  rest: string[]
}

/**
 * Global flags may stand before or between the words (`fob -s URL runs list`); any other flag ends them.
 * @throws Fault `usage` on a word that no command has, with the nearest one
 */
export async function findCommand(root: Command, argv: readonly string[]): Promise<Found> {
  let command = root
  const path: string[] = []
  const before: string[] = []
  let i = 0
  while (command.subCommands !== undefined && i < argv.length) {
    const arg = argv[i] ?? ''
    const width = globalFlagWidth(arg)
    if (width > 0) {
      before.push(...argv.slice(i, i + width))
      i += width
      continue
    }
    if (arg.startsWith('-')) break
    command = await subCommand(command.subCommands, arg, path)
    path.push(arg)
    i += 1
  }
  return { path, command, rest: [...before, ...argv.slice(i)] }
}

/** What runs when no more words follow: the command itself, the default of a group, or nothing. */
export async function runnable(command: Command): Promise<Command | undefined> {
  if (command.subCommands === undefined) return command
  const entry = command.default === undefined ? undefined : command.subCommands[command.default]
  return entry === undefined ? undefined : load(entry)
}

/** The sub-commands of a group with their words. @param hidden whether those that lists leave out are among them */
export async function loadAll(
  { subCommands = {} }: Command,
  { hidden = false } = {},
): Promise<[word: string, command: Command][]> {
  const all = Object.entries(subCommands).map(async ([word, entry]): Promise<[string, Command]> => [
    word,
    await load(entry),
  ])
  return (await Promise.all(all)).filter(([, { meta }]) => hidden || meta.hidden !== true)
}

async function load(entry: SubCommands[string]): Promise<Command> {
  return typeof entry === 'function' ? entry() : entry
}

async function subCommand(among: SubCommands, word: string, path: readonly string[]): Promise<Command> {
  const found = Object.hasOwn(among, word) ? among[word] : undefined
  if (found !== undefined) return load(found)
  const near = nearest(word, Object.keys(among))
  const typed = ['fob', ...path].join(' ')
  // Anything but a plain word may be a token or a KEY=VALUE that slipped: it is not repeated.
  const isPlain = /^[a-z]{1,20}(?:-[a-z]{1,20}){0,3}$/i.test(word)
  throw new Fault('usage', `unknown command${isPlain ? ` "${[...path, word].join(' ')}"` : ''}`, {
    hint: near === undefined ? `run "${typed} --help" for the commands` : `did you mean "${typed} ${near}"?`,
  })
}

const TABLE = flagTable(GLOBAL_FLAGS)

/** How many arguments a global flag at this place takes up: 0 when `arg` is not one. */
function globalFlagWidth(arg: string): 0 | 1 | 2 {
  const [typed = ''] = arg.split('=', 1)
  const name = /^(?:--[^-].+|-[^-])$/.test(typed) ? typed.replace(/^--?/, '') : ''
  const spelling = TABLE.get(name)
  if (spelling === undefined) return 0
  return arg === typed && takesValue(spelling) ? 2 : 1
}

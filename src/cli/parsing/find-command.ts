/** Finds the command that a command line names, and loads nothing but it. */
import { Fault } from '../../contract/fault.ts'
import type { Command, SubCommands } from '../command.ts'
import { alternatives } from './check-arguments.ts'
import { meaningsOf, nearestCommand, otherNumber, sameEffect } from './command-synonyms-and-effects.ts'
import { flagTable, takesValue } from './flag-spellings.ts'
import { GLOBAL_FLAGS } from './global-flags.ts'

export interface Found {
  /** The words typed; of a synonym, the word that it stands for. */
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
    const word = wordFor(arg, command.subCommands)
    if (word === undefined) throw unknownCommand(command.subCommands, arg, path)
    command = await load(command.subCommands[word])
    path.push(word)
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

async function load(entry: SubCommands[string] | undefined): Promise<Command> {
  if (entry === undefined) throw new Error('only a command that is there is loaded')
  return typeof entry === 'function' ? entry() : entry
}

/** The word among those of a group that `typed` stands for: itself, a synonym, or the other number of a group. */
function wordFor(typed: string, among: SubCommands): string | undefined {
  const known = meaningsOf(typed).find((word) => Object.hasOwn(among, word))
  if (known !== undefined) return known
  const other = otherNumber(typed)
  return groupWords(among).includes(other) ? other : undefined
}

/** The words of the groups in a group. */
function groupWords(among: SubCommands): string[] {
  return Object.entries(among).flatMap(([word, entry]) => (typeof entry === 'function' ? [] : [word]))
}

function unknownCommand(among: SubCommands, word: string, path: readonly string[]): Fault {
  const typed = ['fob', ...path].join(' ')
  // Anything but a plain word may be a token or a KEY=VALUE that slipped: it is not repeated.
  const isPlain = /^[a-z]{1,20}(?:-[a-z]{1,20}){0,3}$/i.test(word)
  const near = isPlain ? suggestions(among, word, path.length > 0) : []
  return new Fault('usage', `unknown command${isPlain ? ` "${[...path, word].join(' ')}"` : ''}`, {
    hint:
      near.length === 0
        ? `run "${typed} --help" for the commands`
        : `did you mean ${alternatives(near.map((words) => `"${typed} ${words}"`))}?`,
  })
}

const MAX_SUGGESTIONS = 4

function suggestions(among: SubCommands, word: string, inGroup: boolean): readonly string[] {
  const words = Object.keys(among)
  const near = nearestCommand(word, words)
  if (near !== undefined) return [near]
  const deeper = below(among, word)
  // What does the same at the top says nothing about what was meant: `whoami` for `get`.
  const same = inGroup && deeper.length === 0 ? sameEffect(word, words) : deeper
  return same.slice(0, MAX_SUGGESTIONS)
}

/** Where a word of commands stands one level deeper: `pipeline list` for the `ls` of `fob ls`. */
function below(among: SubCommands, word: string): string[] {
  return groupWords(among).flatMap((group) => {
    const entry = among[group]
    if (entry === undefined || typeof entry === 'function' || entry.meta.hidden === true) return []
    const there = meaningsOf(word).find((meaning) => Object.hasOwn(entry.subCommands ?? {}, meaning))
    return there === undefined ? [] : [`${group} ${there}`]
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

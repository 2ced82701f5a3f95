/**
 * Owns: what may stand at the cursor of a command line, read from the same definitions that the line is run by.
 * Refuses: to know a shell (`shell-scripts.ts`) or where names come from (`look-up-server-and-login-names.ts`), and to fail: a line that makes no
 * sense gets no candidates.
 */
import type { Command } from '../command.ts'
import {
  type Arg,
  type Completes,
  type Flag,
  flagsOf,
  type Listed,
  positionalsOf,
} from '../parsing/argument-definitions.ts'
import { findCommand, type Found, loadAll, runnable } from '../parsing/find-command.ts'
import { type FlagTable, flagTable, takesValue } from '../parsing/flag-spellings.ts'
import { GLOBAL_FLAGS } from '../parsing/global-flags.ts'
import { type Token, tokenize } from '../parsing/tokenize-arguments.ts'

export interface Candidate {
  /** The whole word as it would stand there. */
  value: string
  description?: string
}

/** Words to choose from; or paths, which the shell knows best: behind the `=` where the word is `--flag=…`. */
export type Completion = { kind: 'words'; candidates: Candidate[] } | { kind: 'files' } | { kind: 'folders' }

/** What the line says of where to look names up: its global flags that have a value, by name. */
export type Given = Partial<Record<'server' | 'tenant' | 'auth-config', string>>

/** Names of what exists; none when that cannot be known now. */
export type Lookup = (what: Listed, given: Given) => Promise<Candidate[]>

/** @param words all behind `fob`, up to the cursor; the last is the one that is being typed, and may be empty */
export async function complete(words: readonly string[], root: Command, lookup: Lookup): Promise<Completion> {
  const typed = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const found = await tryToFind(root, before[0] === 'help' ? before.slice(1) : before)
  if (found === undefined) return chosen([], typed)
  const line = await readLine(found, typed)
  const offered = await offer(line, lookup)
  return Array.isArray(offered) ? chosen(offered, typed) : offered
}

interface Line {
  /** What the words name: a command or a group. */
  named: Command
  /** What would run: the command, or the default one of a group. */
  command: Command | undefined
  table: FlagTable
  /** What stands behind the command's words, without the word that is being typed. */
  tokens: readonly Token[]
  typed: string
  /** True behind `--`. */
  wordsOnly: boolean
}

async function readLine({ command: named, rest }: Found, typed: string): Promise<Line> {
  const command = await runnable(named)
  const table = flagTable({ ...GLOBAL_FLAGS, ...command?.args })
  const tokens = [...tokenize(rest, (name) => takesValue(table.get(name)))]
  return { named, command, table, tokens, typed, wordsOnly: rest.includes('--') }
}

async function offer(line: Line, lookup: Lookup): Promise<Candidate[] | Completion> {
  const { table, tokens, typed, wordsOnly } = line
  const valuesOf = (what: Completes | undefined, prefix: string) =>
    values(what, prefix, () => ({ lookup, given: givenBy(line) }))
  const waiting = flagThatWaits(line)
  if (waiting !== undefined) return valuesOf(completesOf(waiting), '')
  if (!wordsOnly && typed.startsWith('-')) {
    const equals = typed.indexOf('=')
    if (equals < 0) return flagNames(line)
    const spelling = table.get(typed.slice(2, equals))
    return spelling === undefined ? [] : valuesOf(completesOf(spelling.flag), typed.slice(0, equals + 1))
  }
  const children = await childWords(line)
  if (children.length > 0) return children
  const positionals = positionalsOf(line.command?.args ?? {})
  const at = tokens.filter((token) => token.kind === 'word').length
  const [, positional] = positionals[at] ?? positionals.at(-1) ?? []
  return at < positionals.length || positional?.rest === true ? valuesOf(positional?.completes, '') : []
}

/** The flag whose value is being typed. */
function flagThatWaits({ table, tokens, wordsOnly }: Line): Flag | undefined {
  const last = tokens.at(-1)
  if (wordsOnly || last?.kind !== 'option' || last.value !== undefined) return undefined
  const spelling = table.get(last.name)
  return takesValue(spelling) ? spelling?.flag : undefined
}

/** Those that are not there yet, or may be there again; the command's own first. */
function flagNames({ table, tokens, command }: Line): Candidate[] {
  const there = tokens.flatMap((token) => (token.kind === 'option' ? (table.get(token.name) ?? []) : []))
  return flagsOf({ ...command?.args, ...GLOBAL_FLAGS, ...command?.args }).flatMap(([name, flag]) => {
    const before = there.filter((spelling) => spelling.name === name)
    if (before.length === 0) return spellings(name, flag)
    // `--name` may follow itself where it is repeatable; `--no-name` contradicts it, before and behind it.
    const again = flag.type === 'string' && flag.repeatable === true && !before.some(({ negated }) => negated)
    return again ? [{ value: `--${name}`, description: flag.description }] : []
  })
}

/** `--name`, and `--no-name` where there is one; of a flag that is on anyway only the latter. */
function spellings(name: string, flag: Flag): Candidate[] {
  const { description, negativeDescription } = flag
  const given = { value: `--${name}`, description }
  if (negativeDescription === undefined) return [given]
  const denied = { value: `--no-${name}`, description: negativeDescription }
  return flag.type === 'boolean' && flag.default === true ? [denied] : [given, denied]
}

/** The words that can follow: none once a flag of the group's own command stands there. */
async function childWords({ named, tokens }: Line): Promise<Candidate[]> {
  if (named.subCommands === undefined || !tokens.every(isGlobal)) return []
  return (await loadAll(named)).map(([word, { meta }]) => ({ value: word, description: meta.description }))
}

const GLOBAL_SPELLINGS = flagTable(GLOBAL_FLAGS)

function isGlobal(token: Token): boolean {
  return token.kind === 'option' && GLOBAL_SPELLINGS.has(token.name)
}

const PATHS: Readonly<Record<string, Completes>> = { PATH: 'file', FILE: 'file', DIR: 'folder' }

function completesOf(arg: Arg): Completes | undefined {
  if (arg.type === 'enum') return arg.options
  if (arg.type === 'boolean') return undefined
  return arg.completes ?? PATHS[arg.valueHint ?? '']
}

async function values(
  what: Completes | undefined,
  prefix: string,
  where: () => { lookup: Lookup; given: Given },
): Promise<Candidate[] | Completion> {
  if (what === undefined) return []
  if (what === 'file') return { kind: 'files' }
  if (what === 'folder') return { kind: 'folders' }
  const { lookup, given } = where()
  if (typeof what !== 'string') return what.map((value) => ({ value: prefix + value }))
  const found = await lookup(what, given)
  return found.map(({ value, description = '' }) => ({ value: prefix + value, description }))
}

function givenBy({ table, tokens }: Line): Given {
  const given: Given = {}
  for (const token of tokens) {
    if (token.kind !== 'option' || token.value === undefined) continue
    const name = table.get(token.name)?.name
    if (name === 'server' || name === 'tenant' || name === 'auth-config') given[name] = token.value
  }
  return given
}

function chosen(candidates: readonly Candidate[], typed: string): Completion {
  return { kind: 'words', candidates: candidates.filter(({ value }) => value.startsWith(typed)) }
}

async function tryToFind(root: Command, words: readonly string[]): Promise<Found | undefined> {
  try {
    return await findCommand(root, words)
  } catch {
    return undefined
  }
}

/**
 * Owns: what may stand at the cursor of a command line, read from the same tree that the line will be parsed by.
 * Refuses: to know a shell (`shells.ts`) or where names come from (`lookup.ts`), and to fail: a line that makes no
 * sense is offered nothing.
 */
import type { Command, Completes, Flag, Flags, Listed } from '../command.ts'
import { GLOBAL_FLAGS } from '../parsing/global-flags.ts'
import { type FlagEntry, flagTable } from '../parsing/check-arguments.ts'
import { fallbackOf, type Resolved, resolveCommand } from '../parsing/find-command.ts'
import { type Token, tokenize } from '../parsing/tokenize.ts'
import type { Group } from '../root-command.ts'

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
export async function complete(words: readonly string[], tree: Group, lookup: Lookup): Promise<Completion> {
  const typed = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const resolved = tryResolve(tree, before[0] === 'help' ? before.slice(1) : before)
  if (resolved === undefined) return chosen([], typed)
  const line = await readLine(resolved, typed)
  const offered = await offer(line, lookup)
  return Array.isArray(offered) ? chosen(offered, typed) : offered
}

interface Line {
  node: Resolved['node']
  command: Command | undefined
  table: Map<string, FlagEntry>
  /** What stands behind the command's words, without the word that is being typed. */
  tokens: readonly Token[]
  typed: string
  /** True behind `--`. */
  wordsOnly: boolean
}

async function readLine({ node, rest }: Resolved, typed: string): Promise<Line> {
  const leaf = node.kind === 'leaf' ? node : fallbackOf(node)
  const command = leaf === undefined ? undefined : (await leaf.load()).command
  const table = flagTable({ ...GLOBAL_FLAGS, ...command?.flags })
  const takesValue = (name: string) => (table.get(name)?.flag.type ?? 'boolean') !== 'boolean'
  return {
    node,
    command,
    table,
    tokens: [...tokenize(rest, takesValue)],
    typed,
    wordsOnly: rest.includes('--'),
  }
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
    const entry = table.get(typed.slice(2, equals))
    return entry === undefined ? [] : valuesOf(completesOf(entry.flag), typed.slice(0, equals + 1))
  }
  const children = childWords(line)
  if (children.length > 0) return children
  const positionals = Object.values(line.command?.positionals ?? {})
  const at = tokens.filter((token) => token.kind === 'word').length
  const last = positionals.at(-1)
  return valuesOf((positionals[at] ?? (last?.arity === 'many' ? last : undefined))?.completes, '')
}

/** The flag whose value is being typed. */
function flagThatWaits({ table, tokens, wordsOnly }: Line): Flag | undefined {
  const last = tokens.at(-1)
  if (wordsOnly || last?.kind !== 'option' || last.value !== undefined) return undefined
  const flag = table.get(last.name)?.flag
  return flag?.type === 'boolean' ? undefined : flag
}

/** Those that are not there yet, or may be there again; the command's own first. */
function flagNames({ table, tokens, command }: Line): Candidate[] {
  const there = new Set(
    tokens.map((token) => (token.kind === 'option' ? table.get(token.name)?.name : undefined)),
  )
  const flags: Flags = { ...command?.flags, ...GLOBAL_FLAGS }
  return Object.entries(flags)
    .filter(([name, { type }]) => type === 'strings' || !there.has(name))
    .map(([name, { description }]) => ({ value: `--${name}`, description }))
}

/** The words that can follow: none once a flag of the group's own command stands there. */
function childWords({ node, tokens }: Line): Candidate[] {
  if (node.kind === 'leaf' || !tokens.every(isGlobal)) return []
  return Object.entries(node.children)
    .filter(([, child]) => child.hidden !== true)
    .map(([word, child]) => ({ value: word, description: child.summary }))
}

const GLOBAL_SPELLINGS = new Set(flagTable(GLOBAL_FLAGS).keys())

function isGlobal(token: Token): boolean {
  return token.kind === 'option' && GLOBAL_SPELLINGS.has(token.name)
}

const PATHS: Readonly<Record<string, Completes>> = { PATH: 'file', FILE: 'file', DIR: 'folder' }

function completesOf({ completes, value }: Flag): Completes | undefined {
  return completes ?? PATHS[value ?? '']
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

function tryResolve(tree: Group, words: readonly string[]): Resolved | undefined {
  try {
    return resolveCommand(tree, words)
  } catch {
    return undefined
  }
}

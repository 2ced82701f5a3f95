/** The help of a command or a group, written from its definition. Examples come first: most readers came for them. */
import type { Command } from '../command.ts'
import {
  aliasesOf,
  type Args,
  type Flag,
  flagsOf,
  positionalsOf,
  positionalWord,
} from '../parsing/argument-definitions.ts'
import { loadAll, runnable } from '../parsing/find-command.ts'
import { GLOBAL_FLAGS } from '../parsing/global-flags.ts'

/** @param path the words typed, with `fob` */
export async function helpOf(command: Command, path: string): Promise<string> {
  const runs = await runnable(command)
  const parts = runs === undefined ? groupParts(command, path) : commandParts(runs, path)
  const lists = section('Commands', columns(await childRows(command)))
  const end =
    runs === undefined ? `Run "${path} COMMAND --help" for the flags and examples of a command.` : ''
  const globals = section('Flags of every command', flagLines(GLOBAL_FLAGS))
  return `${[...parts, lists, globals, end].filter((part) => part !== '').join('\n\n')}\n`
}

function commandParts({ meta, args }: Command, path: string): string[] {
  const positionals = positionalsOf(args)
  const rows = positionals.map(
    ([name, positional]) => [positionalWord(name, positional), positional.description] as const,
  )
  const flags = flagLines(args)
  return [
    meta.description,
    meta.details ?? '',
    section('Usage', [`${usage(args, path)}${flags.length === 0 ? '' : ' [flags]'}`]),
    section('Examples', meta.examples),
    section('Arguments', columns(rows)),
    section('Flags', flags),
  ]
}

function groupParts({ meta }: Command, path: string): string[] {
  return [meta.description, section('Usage', [`${path} COMMAND [flags]`]), section('Examples', meta.examples)]
}

/** `fob runs show ID` */
export function usage(args: Args, path: string): string {
  const words = positionalsOf(args).map(([name, positional]) => {
    const word = positionalWord(name, positional)
    if (positional.rest === true) return `[${word}...]`
    return positional.required === false ? `[${word}]` : word
  })
  return [path, ...words].join(' ')
}

/** How a flag is written, and what it does; one that is on unless it is denied, as `--no-NAME`. */
export interface FlagUsage {
  /** With its dash. */
  short: string | undefined
  /** `--server URL` */
  long: string
  /** With their dashes. */
  others: readonly string[]
  description: string
  repeatable: boolean
}

export function flagUsages(args: Args): FlagUsage[] {
  return flagsOf(args).flatMap(([name, flag]) => {
    const given = flag.type === 'boolean' && flag.default === true ? [] : [flagUsage(name, flag)]
    const { negativeDescription } = flag
    return negativeDescription === undefined ? given : given.concat(negativeUsage(name, negativeDescription))
  })
}

function flagUsage(name: string, flag: Flag): FlagUsage {
  const aliases = aliasesOf(flag)
  const short = aliases.find((alias) => alias.length === 1)
  return {
    short: short === undefined ? undefined : `-${short}`,
    long: flag.type === 'boolean' ? `--${name}` : `--${name} ${flag.valueHint ?? 'VALUE'}`,
    others: aliases.filter((alias) => alias.length > 1).map((alias) => `--${alias}`),
    description: flag.description,
    repeatable: flag.type === 'string' && flag.repeatable === true,
  }
}

function negativeUsage(name: string, description: string): FlagUsage {
  return { short: undefined, long: `--no-${name}`, others: [], description, repeatable: false }
}

async function childRows(group: Command): Promise<[string, string][]> {
  return (await loadAll(group)).map(([word, { meta }]) => [word, meta.description])
}

function flagLines(args: Args): string[] {
  return columns(
    flagUsages(args).map(({ short, long, description, repeatable }) => [
      `${short === undefined ? '    ' : `${short}, `}${long}`,
      `${description}${repeatable ? ' (may be repeated)' : ''}`,
    ]),
  )
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [`${title}:`, ...lines.map((line) => `  ${line}`)].join('\n')
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`.trimEnd())
}

import type { Command, Flags } from '../command.ts'
import { GLOBAL_FLAGS } from '../parsing/global-flags.ts'
import type { Group } from '../root-command.ts'

/** The help of one command, examples first: they are what most readers came for. */
export function commandHelp(command: Command, path: string, group?: Group): string {
  const own = Object.keys(command.flags).length > 0
  const parts = [
    command.summary,
    command.description ?? '',
    section('Usage', [`${path}${positionalUsage(command)}${own ? ' [flags]' : ''}`]),
    section('Examples', command.examples),
    section(
      'Arguments',
      columns(Object.entries(command.positionals).map(([name, p]) => [name.toUpperCase(), p.description])),
    ),
    section('Flags', flagLines(command.flags)),
    group === undefined ? '' : section('Commands', childLines(group)),
    section('Flags of every command', flagLines(GLOBAL_FLAGS)),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

/** The help of a word that has commands under it. */
export function groupHelp(group: Group, path: string): string {
  const parts = [
    group.summary,
    section('Usage', [`${path} COMMAND [flags]`]),
    section('Commands', childLines(group)),
    section('Flags of every command', flagLines(GLOBAL_FLAGS)),
    `Run "${path} COMMAND --help" for the flags and examples of a command.`,
  ]
  return `${parts.join('\n\n')}\n`
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [`${title}:`, ...lines.map((line) => `  ${line}`)].join('\n')
}

function positionalUsage(command: Command): string {
  return Object.entries(command.positionals)
    .map(([name, { arity }]) => {
      const word = name.toUpperCase()
      return arity === 'required' ? ` ${word}` : arity === 'optional' ? ` [${word}]` : ` [${word}...]`
    })
    .join('')
}

function childLines(group: Group): string[] {
  return columns(
    Object.entries(group.children)
      .filter(([, node]) => node.hidden !== true)
      .map(([word, node]) => [word, node.summary]),
  )
}

function flagLines(flags: Flags): string[] {
  return columns(
    Object.entries(flags).map(([name, flag]) => {
      const short = flag.short === undefined ? '    ' : `-${flag.short}, `
      const value = flag.type === 'boolean' ? '' : ` ${flag.value ?? 'VALUE'}`
      const more = flag.type === 'strings' ? ' (may be repeated)' : ''
      return [`${short}--${name}${value}`, `${flag.description}${more}`]
    }),
  )
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`.trimEnd())
}

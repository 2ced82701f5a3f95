import { Fault } from '../../contract/fault.ts'
import type { Command, Flag, Flags, Parsed, Positionals } from '../command.ts'
import { GLOBAL_FLAGS, OUTPUT_FORMATS, type Globals, type OutputFormat } from './global-flags.ts'
import { nearest } from '../../contract/nearest-word.ts'
import { tokenize } from './tokenize.ts'

type Values = Map<string, string | true | string[]>

/**
 * Reads the arguments that stand behind a command's words.
 * @throws Fault `usage` on an unknown flag, a missing or surplus value, a missing or surplus argument;
 * the message never repeats a flag's value, which can be a secret.
 */
export function parseCommandLine(command: Command, argv: readonly string[], path: string): Parsed {
  const table = flagTable({ ...GLOBAL_FLAGS, ...command.flags })
  const { values, words } = readTokens(table, argv, path)
  return {
    flags: fill(command.flags, values) as Parsed['flags'],
    positionals: assign(command.positionals, words, path),
    globals: readGlobals(values),
  }
}

/** True when `--help` or `-h` stands among the arguments, whatever else is wrong with them. */
export function wantsHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).some((arg) => arg === '--help' || arg === '-h')
}

export interface FlagEntry {
  name: string
  flag: Flag
}

/** Every spelling (long, alias, short) → the flag it stands for. */
export function flagTable(flags: Flags): Map<string, FlagEntry> {
  const table = new Map<string, FlagEntry>()
  for (const [name, flag] of Object.entries(flags)) {
    for (const spelling of [name, ...(flag.aliases ?? [])]) table.set(spelling, { name, flag })
    if (flag.short !== undefined) table.set(flag.short, { name, flag })
  }
  return table
}

function readTokens(
  table: Map<string, FlagEntry>,
  argv: readonly string[],
  path: string,
): { values: Values; words: string[] } {
  const values: Values = new Map()
  const words: string[] = []
  const takesValue = (name: string) => (table.get(name)?.flag.type ?? 'boolean') !== 'boolean'
  for (const token of tokenize(argv, takesValue)) {
    if (token.kind === 'word') {
      words.push(token.value)
      continue
    }
    const entry = table.get(token.name)
    // `-name` is no spelling of `--name`, and `--n` none of `-n`.
    const spelled = token.rawName.startsWith('--') === token.name.length > 1
    if (entry === undefined || !spelled) throw unknownFlag(token.rawName, table, path)
    record(values, entry, token.rawName, token.value, token.inline)
  }
  return { values, words }
}

function record(
  values: Values,
  { name, flag }: FlagEntry,
  rawName: string,
  value: string | undefined,
  inline: boolean,
): void {
  if (flag.type === 'boolean') {
    if (value !== undefined) throw new Fault('usage', `${rawName} takes no value`)
    values.set(name, true)
    return
  }
  // `--server --debug` is a forgotten value, not a server called "--debug"; a lone "-" means stdin.
  if (value === undefined || (!inline && value.startsWith('-') && value !== '-')) {
    throw new Fault(
      'usage',
      `${rawName} needs a value${flag.value === undefined ? '' : ` (${flag.value})`}`,
      {
        hint: `if the value begins with "-", write ${rawName}=VALUE`,
      },
    )
  }
  if (flag.type === 'strings') {
    const given = values.get(name)
    values.set(name, [...(Array.isArray(given) ? given : []), value])
    return
  }
  const before = values.get(name)
  if (before !== undefined && before !== value) {
    throw new Fault('usage', `--${name} is given more than once`)
  }
  values.set(name, value)
}

function unknownFlag(rawName: string, table: Map<string, FlagEntry>, path: string): Fault {
  const word = rawName.replace(/^-+/, '')
  const near = nearest(
    word,
    [...table.keys()].filter((name) => name.length > 1),
  )
  return new Fault('usage', `unknown flag ${rawName}`, {
    hint: near === undefined ? `run "${path} --help" for the flags` : `did you mean --${near}?`,
  })
}

function fill(flags: Flags, values: Values): Record<string, string | boolean | string[] | undefined> {
  const out: Record<string, string | boolean | string[] | undefined> = {}
  for (const [name, flag] of Object.entries(flags)) {
    const value = values.get(name)
    out[name] = flag.type === 'boolean' ? value === true : flag.type === 'strings' ? (value ?? []) : value
  }
  return out
}

function assign(positionals: Positionals, words: string[], path: string): Parsed['positionals'] {
  const out: Record<string, string | string[] | undefined> = {}
  const rest = [...words]
  for (const [name, { arity }] of Object.entries(positionals)) {
    if (arity === 'many') {
      out[name] = rest.splice(0)
      continue
    }
    const word = rest.shift()
    if (word === undefined && arity === 'required') {
      throw new Fault('usage', `${path} needs ${name.toUpperCase()}`, { hint: `run "${path} --help"` })
    }
    out[name] = word
  }
  if (rest.length > 0) {
    // Its text is not repeated: it may be a value that was meant to be a secret.
    const place = words.length - rest.length + 1
    throw new Fault('usage', `${path} takes no argument number ${place}`, { hint: `run "${path} --help"` })
  }
  return out as Parsed['positionals']
}

function readGlobals(values: Values): Globals {
  const text = (name: string) => {
    const value = values.get(name)
    return typeof value === 'string' ? value : undefined
  }
  return {
    server: text('server'),
    tenant: text('tenant'),
    authToken: text('auth-token'),
    jwtToken: text('jwt-token'),
    authConfig: text('auth-config'),
    output: outputFormat(text('output'), '--output'),
    silent: values.has('silent'),
    debug: values.has('debug'),
    noInput: values.has('no-input'),
  }
}

/** @throws Fault `usage` when `text` names no format; `from` says where it came from. */
export function outputFormat(text: string | undefined, from: string): OutputFormat | undefined {
  if (text === undefined) return undefined
  const format = OUTPUT_FORMATS.find((f) => f === text)
  if (format === undefined) {
    throw new Fault('usage', `${from} takes ${OUTPUT_FORMATS.join(', ')}`, {
      hint: `did you mean ${nearest(text, OUTPUT_FORMATS) ?? 'json'}?`,
    })
  }
  return format
}

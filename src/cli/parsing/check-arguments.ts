/**
 * Owns: what citty does not check. An unknown flag, a flag given twice with two values, a missing or wrong value, a
 * missing or surplus argument end here, before citty parses anything.
 * Refuses: to repeat the value of a flag or an argument in a message: it can be a secret.
 */
import { Fault } from '../../contract/fault.ts'
import { nearest } from '../../contract/nearest-word.ts'
import type { CheckedArguments, Command } from '../command.ts'
import { type Args, positionalsOf, positionalWord } from './argument-definitions.ts'
import { type FlagTable, flagTable, type Spelling, takesValue } from './flag-spellings.ts'
import { GLOBAL_FLAGS } from './global-flags.ts'
import { type OptionToken, tokenize } from './tokenize-arguments.ts'

type FlagValues = Map<string, string | boolean | string[]>

/**
 * Checks the arguments behind a command's words, and spells them in the one way that citty reads without doubt.
 * @param path the words as typed: `fob runs list`
 * @throws Fault `usage`
 */
export function checkArguments(command: Command, argv: readonly string[], path: string): CheckedArguments {
  const table = flagTable({ ...GLOBAL_FLAGS, ...command.args })
  const values: FlagValues = new Map()
  const words: string[] = []
  for (const token of tokenize(argv, (name) => takesValue(table.get(name)))) {
    if (token.kind === 'word') words.push(token.value)
    else record(values, spellingOf(token, table, path), token)
  }
  const asksForHelp = values.get('help') === true
  if (!asksForHelp) checkWords(command.args, words, path)
  const repeated = new Map(
    [...values].filter((entry): entry is [string, string[]] => Array.isArray(entry[1])),
  )
  const rawArgs = [...[...values].flatMap(canonical), '--', ...words]
  return { rawArgs, repeated, asksForHelp }
}

/** Whether `--help` or `-h` stands among the arguments, whatever else is wrong with them. */
export function wantsHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).some((arg) => /^(--help|-h)(=true)?$/.test(arg))
}

function spellingOf(token: OptionToken, table: FlagTable, path: string): Spelling {
  const spelling = table.get(token.name)
  // `-name` is not a spelling of `--name`, nor `--n` of `-n`.
  const hasItsDashes = token.rawName.startsWith('--') === token.name.length > 1
  if (spelling !== undefined && hasItsDashes) return spelling
  // `--no-follow` is not meant to be `--follow`, which does the opposite.
  const isNegative = token.name.startsWith('no-')
  const near = nearest(
    token.name,
    [...table].flatMap(([name, { negated }]) => (name.length > 1 && negated === isNegative ? [name] : [])),
  )
  throw new Fault('usage', `unknown flag ${token.rawName}`, {
    hint: near === undefined ? `run "${path} --help" for the flags` : `did you mean --${near}?`,
  })
}

function record(values: FlagValues, spelling: Spelling, token: OptionToken): void {
  const { name, flag } = spelling
  const value = valueOf(spelling, token)
  const before = values.get(name)
  if (flag.type === 'string' && flag.repeatable === true && typeof value === 'string') {
    if (before === false) throw opposites(name)
    values.set(name, [...(Array.isArray(before) ? before : []), value])
    return
  }
  if (before !== undefined && before !== value) {
    throw typeof value === 'boolean' && flag.negativeDescription !== undefined
      ? opposites(name)
      : new Fault('usage', `--${name} is given more than once`)
  }
  values.set(name, value)
}

function opposites(name: string): Fault {
  return new Fault('usage', `--${name} and --no-${name} cannot be used together`)
}

/** What one flag says: true or false of a switch, false of `--no-NAME`. */
function valueOf({ flag, negated }: Spelling, token: OptionToken): string | boolean {
  const { rawName, value, inline } = token
  if (flag.type === 'boolean') {
    if (value === undefined) return !negated
    if (value !== 'true' && value !== 'false') throw new Fault('usage', `${rawName} takes true or false`)
    return (value === 'true') !== negated
  }
  if (negated) {
    if (value !== undefined) throw new Fault('usage', `${rawName} takes no value`)
    return false
  }
  // `--server --debug` is a forgotten value, not a server called "--debug"; a lone "-" means standard input.
  if (value === undefined || (!inline && value.startsWith('-') && value !== '-')) {
    const hint = `if the value begins with "-", write ${rawName}=VALUE`
    const what = flag.valueHint === undefined ? '' : ` (${flag.valueHint})`
    throw new Fault('usage', `${rawName} needs a value${what}`, { hint })
  }
  if (flag.type === 'enum' && !flag.options.includes(value)) {
    throw notAnOption(rawName, value, flag)
  }
  return value
}

/** `--driver takes native or docker`, with the option that was probably meant, else the hint of the flag. */
export function notAnOption(
  name: string,
  value: string,
  { options, hint }: { options: readonly string[]; hint?: string | undefined },
): Fault {
  const near = nearest(value.toLowerCase(), options)
  return new Fault('usage', `${name} takes ${alternatives(options)}`, {
    hint: near === undefined ? hint : `did you mean ${near}?`,
  })
}

/** `table, tsv or json` */
export function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function canonical([name, value]: [string, string | boolean | string[]]): string[] {
  if (typeof value === 'boolean') return [value ? `--${name}` : `--no-${name}`]
  return (Array.isArray(value) ? value : [value]).map((one) => `--${name}=${one}`)
}

function checkWords(args: Args, words: readonly string[], path: string): void {
  const positionals = positionalsOf(args)
  const hint = `run "${path} --help"`
  for (const [place, [name, positional]] of positionals.entries()) {
    if (positional.required === false || words.length > place) continue
    throw new Fault('usage', `${path} needs ${positionalWord(name, positional)}`, { hint })
  }
  if (words.length <= positionals.length || positionals.at(-1)?.[1].rest === true) return
  throw new Fault('usage', `${path} takes no argument number ${positionals.length + 1}`, { hint })
}

import type { Deps } from './deps.ts'
import type { Globals } from './parsing/global-flags.ts'

/** What the shell offers in a place: paths, names of things that exist, or these words. */
export type Completes = 'file' | 'folder' | Listed | readonly string[]
/** What a user's logins and their server have lists of. */
export type Listed = 'login' | 'server' | 'tenant' | 'pipeline' | 'run' | 'secret' | 'token' | 'runner'

/**
 * The anatomy of a command. It only parses: `run` is a function of its own, so one table tests
 * argv → options and another options → effects.
 */
export interface Flag {
  /** `strings` may be given more than once. */
  type: 'string' | 'strings' | 'boolean'
  description: string
  /** One letter. */
  short?: string
  /** Other spellings of the same flag. */
  aliases?: readonly string[]
  /** What help shows for the value: `URL`, `KEY=VALUE`. */
  value?: string
  /** Left out, a `PATH` or `FILE` completes to files and a `DIR` to folders. */
  completes?: Completes
}
export type Flags = Readonly<Record<string, Flag>>

export interface Positional {
  description: string
  /** One that must be there, one that may, or all the rest. */
  arity: 'required' | 'optional' | 'many'
  completes?: Completes
}
export type Positionals = Readonly<Record<string, Positional>>

type FlagValue<F extends Flag> = F['type'] extends 'boolean'
  ? boolean
  : F['type'] extends 'strings'
    ? string[]
    : string | undefined
type PositionalValue<P extends Positional> = P['arity'] extends 'required'
  ? string
  : P['arity'] extends 'many'
    ? string[]
    : string | undefined

/** What a command's `run` is given: every flag and positional by its name, and the flags all commands take. */
export interface Parsed<F extends Flags = Flags, P extends Positionals = Positionals> {
  flags: { -readonly [K in keyof F]: FlagValue<F[K]> }
  positionals: { -readonly [K in keyof P]: PositionalValue<P[K]> }
  globals: Globals
}

export interface CommandSpec<F extends Flags, P extends Positionals> {
  /** One line, as in the list of commands. */
  summary: string
  /** More lines, where there is more to say. */
  description?: string
  /** At least one: `fob auth login -s https://ci.example.com`. */
  examples: readonly [string, ...string[]]
  flags: F
  /** In the order in which they stand; at most the last is `many`. */
  positionals: P
  run(input: Parsed<F, P>, deps: Deps): Promise<void>
}

/** A command whose flag types have been forgotten: what the tree holds. */
export interface Command {
  summary: string
  description?: string
  examples: readonly string[]
  flags: Flags
  positionals: Positionals
  run(input: Parsed, deps: Deps): Promise<void>
}

/** Types a command's `run` by its flags. */
export function defineCommand<const F extends Flags, const P extends Positionals>(
  spec: CommandSpec<F, P>,
): Command {
  // The parser fills `flags` and `positionals` from the same tables that give them their types.
  return spec
}

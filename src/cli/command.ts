/**
 * Owns: what a command is, a citty definition, and how citty runs one; no other file imports citty.
 * Refuses: to read the command line (`parsing/`). citty is given arguments that are checked already, because it lets
 * unknown flags pass, keeps the last of a repeated flag, and runs the `run` of a parent after that of its
 * sub-command: only the command that was found is run, and a group has no `run`.
 */
import { type CommandDef, defineCommand as defineCittyCommand, runCommand as runCittyCommand } from 'citty'
import type { Deps } from './deps.ts'
import type { Arg, Args, Values } from './parsing/argument-definitions.ts'
import { GLOBAL_FLAGS, type Globals, globalsOf } from './parsing/global-flags.ts'

/** citty's `meta`, and what else help and the reference page show. */
export interface Meta {
  /** One line, as in the list of commands. */
  description: string
  /** More lines, where there is more to say. */
  details?: string
  /** At least one: `fob auth login -s https://ci.example.com`. */
  examples: readonly [string, ...string[]]
  /** Left out of lists: another spelling of a command that is listed elsewhere, or one for programs. */
  hidden?: boolean
}

/** A citty command; one with `subCommands` is a group of them. */
export interface Command {
  meta: Meta
  /** Its own; every command also takes the global flags, but for one that it has itself. */
  args: Args
  subCommands?: SubCommands
  /** The sub-command that runs when no word follows: `fob server`. */
  default?: string
  run?(context: CittyContext): Promise<number | void>
}
export type SubCommands = Readonly<Record<string, Command | LazyCommand>>
/** Loads the file of a command. */
export type LazyCommand = () => Promise<Command>

/** What a command's `run` is given, apart from `deps`. */
export interface Invocation<A extends Args = Args> {
  /** Every flag and argument of the command by its name. */
  args: Values<A>
  globals: Globals
  /** The command that all others are under. */
  root: Command
}

interface CommandSpec<A extends Args> {
  meta: Meta
  /** Arguments in the order in which they stand. */
  args: A
  /** @returns the exit status, where it is not 0 and nothing failed */
  run(invocation: Invocation<A>, deps: Deps): Promise<number | void>
}

/** What the parser hands to citty for a command. */
export interface CheckedArguments {
  /** What citty parses: each flag under its own name, with its value behind "=", then "--" and the words. */
  rawArgs: string[]
  /** All values of the flags that may be repeated, of which citty keeps the last. */
  repeated: ReadonlyMap<string, readonly string[]>
  /** Help is asked for, in whatever spelling: `--help=true`, `-qh`. */
  asksForHelp: boolean
}

interface CittyContext {
  args: Record<string, unknown> & { _: string[] }
  data?: { deps: Deps; root: Command; repeated: CheckedArguments['repeated'] }
}

/** A command whose `run` is typed by its `args`. */
export function defineCommand<const A extends Args>({ meta, args, run }: CommandSpec<A>): Command {
  const definition: Command = {
    meta,
    args,
    async run({ args: parsed, data }) {
      if (data === undefined) throw new Error('a command is run by runCommand')
      return run(
        {
          args: valuesOf(args, parsed, data.repeated),
          globals: globalsOf(readGlobals(parsed)),
          root: data.root,
        },
        data.deps,
      )
    },
  }
  return asCommand(defineCittyCommand(asCitty(definition)))
}

/** A word with commands under it. Commands are loaded when they are asked for. */
export function defineGroup(group: { meta: Meta; subCommands: SubCommands; default?: string }): Command {
  return asCommand(defineCittyCommand(asCitty({ ...group, args: {} })))
}

/** Runs one command, not a group. @returns its exit status. @throws whatever it throws */
export async function runCommand(
  command: Command,
  { rawArgs, repeated }: CheckedArguments,
  { deps, root }: { deps: Deps; root: Command },
): Promise<number> {
  const withGlobals = { ...command, args: { ...GLOBAL_FLAGS, ...command.args } }
  const { result } = await runCittyCommand(asCitty(withGlobals), { rawArgs, data: { deps, root, repeated } })
  return typeof result === 'number' ? result : 0
}

// citty's types want arrays that can be changed, and know nothing of `completes`, `repeatable`, `rest` and `examples`.
function asCitty(command: Command): CommandDef {
  return command as unknown as CommandDef
}
function asCommand(command: CommandDef): Command {
  return command as unknown as Command
}

function valuesOf<A extends Args>(
  args: A,
  parsed: CittyContext['args'],
  repeated: CheckedArguments['repeated'],
): Values<A> {
  const values: Record<string, unknown> = {}
  let place = 0
  for (const [name, arg] of Object.entries<Arg>(args)) {
    if (arg.type === 'positional') {
      values[name] = arg.rest === true ? parsed._.slice(place) : parsed[name]
      place += 1
    } else if (arg.type === 'string' && arg.repeatable === true && parsed[name] !== false) {
      values[name] = [...(repeated.get(name) ?? [])]
    } else values[name] = parsed[name]
  }
  // citty fills them by the same definitions that give them their types.
  return values as Values<A>
}

function readGlobals(parsed: CittyContext['args']): Values<typeof GLOBAL_FLAGS> {
  // `--input FILE` of `fob api` is a text, and says nothing about prompts.
  return { ...valuesOf(GLOBAL_FLAGS, parsed, new Map()), input: parsed.input !== false }
}

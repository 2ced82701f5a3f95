/** What a command takes: flags and arguments in citty's form, and what fob's parser and completion know beyond it. */

/** What the shell offers in a place: paths, names of things that exist, or these words. */
export type Completes = 'file' | 'folder' | Listed | readonly string[]
/** What a user's logins and their server have lists of. */
export type Listed =
  | 'login'
  | 'server'
  | 'tenant'
  | 'pipeline'
  | 'run'
  | 'secret'
  | 'token'
  | 'runner'
  | 'member'
  | 'invitation'

interface FlagBase {
  description: string
  /** Other spellings of the flag; one letter is a short one. */
  alias?: string | readonly string[]
  /** Where it is given, there is a `--no-NAME`, and this is what that means. citty reads it as `false`. */
  negativeDescription?: string
}

/** A flag without a value; `--name=true` and `--name=false` say the same as being given, or not. */
interface SwitchFlag extends FlagBase {
  type: 'boolean'
  /** Left out, the value is undefined where the flag is not given. */
  default?: boolean
}

interface ValueFlag extends FlagBase {
  type: 'string'
  /** What help shows for the value: `URL`, `KEY=VALUE`. */
  valueHint?: string
  /** May be given more than once; all values count. */
  repeatable?: true
  /** Left out, a `PATH` or `FILE` completes to files and a `DIR` to folders. */
  completes?: Completes
}

/** A flag whose value is one of `options`. */
interface ChoiceFlag extends FlagBase {
  type: 'enum'
  options: readonly string[]
  valueHint?: string
  /** The next step for a value that is near to none of them. */
  hint?: string
}

export interface Positional {
  type: 'positional'
  description: string
  /** What help calls it, where that is not its name. */
  valueHint?: string
  /** Left out, it must be given. */
  required?: false
  /** It takes all the words that are left; only the last one can. */
  rest?: true
  completes?: Completes
}

export type Flag = SwitchFlag | ValueFlag | ChoiceFlag
export type Arg = Flag | Positional
export type Args = Readonly<Record<string, Arg>>

type ValueOf<A extends Arg> = A extends { type: 'boolean' }
  ? A extends { default: boolean }
    ? boolean
    : boolean | undefined
  : A extends { type: 'enum'; options: readonly (infer Option)[] }
    ? Option | undefined
    : A extends { rest: true }
      ? string[]
      : A extends { type: 'positional' }
        ? A extends { required: false }
          ? string | undefined
          : string
        : A extends { repeatable: true }
          ? A extends { negativeDescription: string }
            ? string[] | false
            : string[]
          : A extends { negativeDescription: string }
            ? string | false | undefined
            : string | undefined

/**
 * What a command's `run` gets for its `args`. citty's own type of it has an index signature, which lets an optional
 * string pass for one that is always there.
 */
export type Values<A extends Args> = { -readonly [K in keyof A]: ValueOf<A[K]> }

/** The flags among `args`, in their order. */
export function flagsOf(args: Args): [name: string, flag: Flag][] {
  return Object.entries(args).flatMap(([name, arg]) => (arg.type === 'positional' ? [] : [[name, arg]]))
}

/** The arguments without a flag's name, in the order in which they stand. */
export function positionalsOf(args: Args): [name: string, positional: Positional][] {
  return Object.entries(args).flatMap(([name, arg]) => (arg.type === 'positional' ? [[name, arg]] : []))
}

/** How help, usage lines and errors call an argument. */
export function positionalWord(name: string, { valueHint }: Positional): string {
  return valueHint ?? name.toUpperCase()
}

/** The other spellings of a flag. */
export function aliasesOf({ alias = [] }: Flag): readonly string[] {
  return typeof alias === 'string' ? [alias] : alias
}

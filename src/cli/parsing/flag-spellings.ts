/** All spellings of a command's flags, and which flag each stands for. */
import { aliasesOf, type Args, type Flag, flagsOf } from './argument-definitions.ts'

export interface Spelling {
  /** The name of the flag in its definition. */
  name: string
  flag: Flag
  /** `--no-NAME`. */
  negated: boolean
}
/** By what is typed, without the dashes: name, alias, letter, `no-NAME`. */
export type FlagTable = ReadonlyMap<string, Spelling>

export function flagTable(args: Args): FlagTable {
  const table = new Map<string, Spelling>()
  for (const [name, flag] of flagsOf(args)) {
    for (const word of [name, ...aliasesOf(flag)]) table.set(word, { name, flag, negated: false })
    if (flag.negativeDescription !== undefined) table.set(`no-${name}`, { name, flag, negated: true })
  }
  return table
}

/** Whether a value follows what is typed; false for what is not in the table. */
export function takesValue(spelling: Spelling | undefined): boolean {
  return spelling !== undefined && !spelling.negated && spelling.flag.type !== 'boolean'
}

/** The argument of `fob server …` that names a person. */
import type { Arg } from '../parsing/argument-definitions.ts'

export const userArgument = {
  type: 'positional',
  description: 'an e-mail, github:LOGIN, gitlab:LOGIN, PROVIDER:ID, or an ID from fob server user list',
} as const satisfies Arg

/** The parts of a rule: their types and values, and what a rule cannot contain. */
import type { ASTNode } from '@marcbachmann/cel-js'
import type { Attributes } from './caller-attributes.ts'

export type Scalar = boolean | bigint | string
export type List = readonly Scalar[]

/** A part of a rule with its type, and how its value is found; `of` throws where there is no value. */
export type Part =
  | { type: 'bool'; of: (attributes: Attributes) => boolean }
  | { type: 'int'; of: (attributes: Attributes) => bigint }
  | { type: 'string'; of: (attributes: Attributes) => string }
  | { type: 'list'; of: (attributes: Attributes) => List }

/** How the value of a part of this type is found. */
export type Of<T extends Part['type']> = Extract<Part, { type: T }>['of']

/** As long as a rule, so that no text in a rule is too long. */
const MAX_TEXT = 2048
/** CEL's integers have 64 bits. */
export const MAX_INT = 2n ** 63n - 1n

/** A construct that a rule cannot contain, with what `compile-rule.ts` needs to show the place. */
export class NotInRules extends Error {
  readonly summary: string
  readonly range: { start: number }
  readonly hint: string | undefined

  constructor(node: ASTNode, summary: string, hint?: string) {
    super(summary)
    this.summary = summary
    this.range = { start: node.start }
    this.hint = hint
  }
}

export function unknown(node: ASTNode): NotInRules {
  return new NotInRules(node, 'this is not supported')
}

/** @throws Error where it is longer than any text of a rule */
export function short(text: unknown): string {
  if (typeof text !== 'string' || text.length > MAX_TEXT) throw new Error('the text is too long')
  return text
}

/** Evaluates a parsed rule. */
import type { ASTNode } from '@marcbachmann/cel-js'
import { ATTRIBUTES, type Attributes } from './caller-attributes.ts'

/**
 * This is the whole language: anything that is not here is not a rule. The library parses and checks types, but does
 * not evaluate, because it joins and compares lists of any length and searches them entry by entry. Here a step takes
 * no longer for a caller in thousands of groups than for a caller in one.
 */

type Scalar = boolean | bigint | string
type List = readonly Scalar[]

/** A part of a rule with its type, and how its value is found; `of` throws where there is no value. */
export type Part =
  | { type: 'bool'; of: (attributes: Attributes) => boolean }
  | { type: 'int'; of: (attributes: Attributes) => bigint }
  | { type: 'string'; of: (attributes: Attributes) => string }
  | { type: 'list'; of: (attributes: Attributes) => List }

type Of<T extends Part['type']> = Extract<Part, { type: T }>['of']

/** As long as a rule, so that no text in a rule is too long. */
const MAX_TEXT = 2048
/** Ten times as many groups as directories allow a user to be in. */
const MAX_LIST = 20_000
/** Lists up to this length are searched entry by entry, which is as fast as a set. */
const SHORT_LIST = 32
const MAX_INT = 2n ** 63n - 1n

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

/** @throws NotInRules for a construct that is not supported, although its types fit */
export function partOf(node: ASTNode): Part {
  switch (node.op) {
    case 'value':
      return literal(node, node.args)
    case 'id':
      return attribute(node, node.args)
    case 'list':
      return list(node, node.args)
    case '[]':
      return entry(node, partOf(node.args[0]), partOf(node.args[1]))
    case 'call':
      return call(node, node.args[0], node.args[1])
    case 'rcall':
      return call(node, node.args[0], [node.args[1], ...node.args[2]])
    case '!_':
      return not(node, partOf(node.args))
    case '&&':
    case '||':
      return either(node, node.op === '||', partOf(node.args[0]), partOf(node.args[1]))
    case 'in':
      return membership(node, partOf(node.args[0]), partOf(node.args[1]))
    case '==':
    case '!=':
      return equality(node, partOf(node.args[0]), partOf(node.args[1]))
    case '<':
    case '<=':
    case '>':
    case '>=':
      return order(node, node.op, partOf(node.args[0]), partOf(node.args[1]))
    case '+':
      return sum(node, partOf(node.args[0]), partOf(node.args[1]))
    case '-':
    case '*':
    case '/':
    case '%':
    case '-_':
    case '.':
    case '.?':
    case '[?]':
    case '?:':
    case 'map':
    default:
      throw unknown(node)
  }
}

function unknown(node: ASTNode): NotInRules {
  return new NotInRules(node, 'this is not supported')
}

function literal(node: ASTNode, value: unknown): Part {
  if (typeof value === 'string') return { type: 'string', of: () => value }
  if (typeof value === 'boolean') return { type: 'bool', of: () => value }
  if (typeof value !== 'bigint') throw unknown(node)
  if (value > MAX_INT) throw new NotInRules(node, 'this number is too large')
  return { type: 'int', of: () => value }
}

function attribute(node: ASTNode, name: string): Part {
  if (!isAttribute(name)) throw unknown(node)
  return ATTRIBUTES[name] === 'string'
    ? { type: 'string', of: (attributes) => short(attributes[name]) }
    : { type: 'list', of: (attributes) => bounded(attributes[name]) }
}

function isAttribute(name: string): name is keyof typeof ATTRIBUTES {
  return Object.hasOwn(ATTRIBUTES, name)
}

function short(text: unknown): string {
  if (typeof text !== 'string' || text.length > MAX_TEXT) throw new Error('the text is too long')
  return text
}

/** Where a list is not known, neither is what follows from it: CEL's error, which only another side of `||` can outweigh. */
function bounded(entries: string | readonly string[] | undefined): readonly string[] {
  if (entries === undefined) throw new Error('the list is not known')
  if (typeof entries === 'string' || entries.length > MAX_LIST) throw new Error('the list is too long')
  return entries
}

function list(node: ASTNode, nodes: readonly ASTNode[]): Part {
  const entries = nodes.map((each) => {
    const part = partOf(each)
    if (part.type === 'list') throw new NotInRules(node, 'a list holds no lists')
    return part.of
  })
  return { type: 'list', of: (attributes) => entries.map((of) => of(attributes)) }
}

/** An entry of a caller's list; a list in the rule itself has no use for an index. */
function entry(node: ASTNode, from: Part, at: Part): Part {
  if (from.type !== 'list' || at.type !== 'int' || !isOfAttribute(node)) throw unknown(node)
  return { type: 'string', of: (attributes) => short(from.of(attributes)[Number(at.of(attributes))]) }
}

function isOfAttribute({ op, args }: ASTNode): boolean {
  return op === '[]' && args[0].op === 'id'
}

function call(node: ASTNode, name: string, nodes: readonly ASTNode[]): Part {
  const [first, second] = nodes.map((each) => partOf(each))
  if (first?.type === 'list' && name === 'size' && !second) {
    return { type: 'int', of: (attributes) => BigInt(first.of(attributes).length) }
  }
  if (first?.type !== 'string') throw unknown(node)
  if (!second) return ofText(node, name, first.of)
  if (second.type !== 'string') throw unknown(node)
  return comparison(node, name, first.of, second.of)
}

function ofText(node: ASTNode, name: string, text: Of<'string'>): Part {
  switch (name) {
    case 'size':
      return { type: 'int', of: (attributes) => BigInt(Array.from(text(attributes)).length) }
    case 'lowerAscii':
      return { type: 'string', of: (attributes) => moved(text(attributes), 'A', 'Z', 32) }
    case 'upperAscii':
      return { type: 'string', of: (attributes) => moved(text(attributes), 'a', 'z', -32) }
    default:
      throw unknown(node)
  }
}

/** Those letters alone: other alphabets could grow, or become letters of this one (the sign for kelvin, a k). */
function moved(text: string, first: string, last: string, by: number): string {
  const units = Buffer.from(text, 'utf16le')
  const [low, high] = [first.charCodeAt(0), last.charCodeAt(0)]
  for (let i = 0; i < units.length; i += 2) {
    const unit = units[i] ?? 0
    if (unit >= low && unit <= high && units[i + 1] === 0) units[i] = unit + by
  }
  return units.toString('utf16le')
}

function comparison(node: ASTNode, name: string, text: Of<'string'>, other: Of<'string'>): Part {
  switch (name) {
    case 'contains':
      return { type: 'bool', of: (attributes) => text(attributes).includes(other(attributes)) }
    case 'startsWith':
      return { type: 'bool', of: (attributes) => text(attributes).startsWith(other(attributes)) }
    case 'endsWith':
      return { type: 'bool', of: (attributes) => text(attributes).endsWith(other(attributes)) }
    default:
      throw unknown(node)
  }
}

function not(node: ASTNode, part: Part): Part {
  if (part.type !== 'bool') throw unknown(node)
  return { type: 'bool', of: (attributes) => !part.of(attributes) }
}

/**
 * CEL: where one side decides, it does not matter that the other cannot be evaluated.
 * @param decisive true for `||`, false for `&&`
 */
function either(node: ASTNode, decisive: boolean, left: Part, right: Part): Part {
  if (left.type !== 'bool' || right.type !== 'bool') throw unknown(node)
  return {
    type: 'bool',
    of: (attributes) => {
      let first: boolean
      try {
        first = left.of(attributes)
      } catch (error) {
        if (right.of(attributes) === decisive) return decisive
        throw error
      }
      return first === decisive ? decisive : right.of(attributes)
    },
  }
}

function membership(node: ASTNode, wanted: Part, from: Part): Part {
  if (wanted.type === 'list' || from.type !== 'list') throw unknown(node)
  return { type: 'bool', of: (attributes) => includes(from.of(attributes), wanted.of(attributes)) }
}

/** The sets of lists that are searched more than once: those of a caller, as long as they are referenced. */
const known = new WeakMap<List, ReadonlySet<Scalar>>()

function includes(entries: List, wanted: Scalar): boolean {
  if (entries.length <= SHORT_LIST) return entries.includes(wanted)
  let set = known.get(entries)
  if (!set) {
    set = new Set(entries)
    known.set(entries, set)
  }
  return set.has(wanted)
}

function equality(node: ASTNode, left: Part, right: Part): Part {
  if (left.type === 'list' || right.type === 'list') {
    const hint = 'ask for "x" in Groups, or for size(Groups) == 0'
    throw new NotInRules(node, 'lists cannot be compared', hint)
  }
  const wanted = node.op === '=='
  return { type: 'bool', of: (attributes) => (left.of(attributes) === right.of(attributes)) === wanted }
}

type Order = '<' | '<=' | '>' | '>='

const HOLDS: Readonly<Record<Order, (a: Scalar, b: Scalar) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}

function order(node: ASTNode, op: Order, left: Part, right: Part): Part {
  if (left.type === 'list' || right.type === 'list' || left.type !== right.type) throw unknown(node)
  const holds = HOLDS[op]
  return { type: 'bool', of: (attributes) => holds(left.of(attributes), right.of(attributes)) }
}

function sum(node: ASTNode, left: Part, right: Part): Part {
  if (left.type === 'string' && right.type === 'string') {
    return { type: 'string', of: (attributes) => short(left.of(attributes) + right.of(attributes)) }
  }
  if (left.type === 'int' && right.type === 'int') {
    return {
      type: 'int',
      of: (attributes) => {
        const total = left.of(attributes) + right.of(attributes)
        if (total > MAX_INT) throw new Error('the number is too large')
        return total
      },
    }
  }
  if (left.type === 'list' || right.type === 'list') {
    const hint = 'write "x" in Groups || "x" in Organizations'
    throw new NotInRules(node, '+ joins text, not lists', hint)
  }
  throw unknown(node)
}

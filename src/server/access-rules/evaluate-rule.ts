/** Evaluates a parsed rule. */
import type { ASTNode } from '@marcbachmann/cel-js'
import { ATTRIBUTES } from './caller-attributes.ts'
import { either, equality, membership, not, order, sum } from './rule-operators.ts'
import { MAX_INT, NotInRules, type Of, type Part, short, unknown } from './rule-part.ts'

/**
 * This is the whole language: anything that is not here is not a rule. The library parses and checks types, but does
 * not evaluate, because it joins and compares lists of any length and searches them entry by entry. Here a step takes
 * no longer for a caller in thousands of groups than for a caller in one.
 */

/** Ten times as many groups as directories allow a user to be in. */
const MAX_LIST = 20_000
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

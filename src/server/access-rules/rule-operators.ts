/** The operators of rules, on parts whose types are checked here. */
import type { ASTNode } from '@marcbachmann/cel-js'
import { type List, MAX_INT, NotInRules, type Part, type Scalar, short, unknown } from './rule-part.ts'

/** Lists up to this length are searched entry by entry, which is as fast as a set. */
const SHORT_LIST = 32

export function not(node: ASTNode, part: Part): Part {
  if (part.type !== 'bool') throw unknown(node)
  return { type: 'bool', of: (attributes) => !part.of(attributes) }
}

/**
 * CEL: where one side decides, it does not matter that the other cannot be evaluated.
 * @param decisive true for `||`, false for `&&`
 */
export function either(node: ASTNode, decisive: boolean, left: Part, right: Part): Part {
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

export function membership(node: ASTNode, wanted: Part, from: Part): Part {
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

export function equality(node: ASTNode, left: Part, right: Part): Part {
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

export function order(node: ASTNode, op: Order, left: Part, right: Part): Part {
  if (left.type === 'list' || right.type === 'list' || left.type !== right.type) throw unknown(node)
  const holds = HOLDS[op]
  return { type: 'bool', of: (attributes) => holds(left.of(attributes), right.of(attributes)) }
}

export function sum(node: ASTNode, left: Part, right: Part): Part {
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

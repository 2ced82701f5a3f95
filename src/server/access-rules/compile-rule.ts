/** Compiles the text of a rule. */
import { Environment } from '@marcbachmann/cel-js'
import { Fault } from '../../contract/fault.ts'
import { ATTRIBUTES, type Attributes } from './caller-attributes.ts'
import { partOf } from './evaluate-rule.ts'
import { NotInRules, type Part } from './rule-part.ts'
import { ruleFault } from './rule-tokenizer.ts'
import { translate } from './translate-rule-to-cel.ts'

/** Whether a caller with these attributes passes. Never throws: a rule that cannot be evaluated lets nobody pass. */
export type Rule = (attributes: Attributes) => boolean

/**
 * Bounds on what is parsed. A rule has no loops, and each of its steps has a bound of its own (`evaluate-rule.ts`), so
 * the longest rule takes a few milliseconds for any caller.
 */
export const LIMITS = {
  maxAstNodes: 512,
  maxDepth: 48,
  maxListElements: 128,
  maxMapEntries: 0,
  maxCallArguments: 2,
}

/** @returns a function that compiles the text of a rule, or throws Fault `usage` with the place of the error */
export function openCompiler(): (rule: string) => Rule {
  const environment = new Environment({ limits: LIMITS })
  for (const [name, type] of Object.entries(ATTRIBUTES)) environment.registerVariable(name, type)
  return (rule) => compile(environment, rule)
}

function compile(environment: Environment, text: string): Rule {
  const { cel, sourceOffset } = translate(text)
  if (cel === '') throw new Fault('usage', 'the rule is empty')
  let rule: Part
  try {
    const program = environment.parse(cel)
    const checked = program.check()
    if (!checked.valid) throw checked.error ?? new Error('not valid')
    rule = partOf(program.ast)
  } catch (error) {
    throw asFault(error, sourceOffset)
  }
  if (rule.type !== 'bool') {
    throw new Fault('usage', `a rule says yes or no, and this one says a ${rule.type}`, {
      hint: 'for example Email endsWith "@company.com"',
    })
  }
  const { of } = rule
  return (attributes) => {
    try {
      return of(attributes)
    } catch {
      return false
    }
  }
}

/** The errors of the library, and ours, have a short text and a place in the CEL. */
export function asFault(error: unknown, sourceOffset: (offset: number) => number): Fault {
  const { summary, range } = error as { summary?: unknown; range?: { start?: unknown } }
  const start = typeof range?.start === 'number' ? range.start : 0
  const text = typeof summary === 'string' ? summary : 'this cannot be understood'
  if (/token: EOF/.test(text)) return ruleFault(sourceOffset(start), 'something is missing here')
  const hint = error instanceof NotInRules ? error.hint : undefined
  return ruleFault(sourceOffset(start), `${text.charAt(0).toLowerCase()}${text.slice(1)}`, hint)
}

import { Environment } from '@marcbachmann/cel-js'
import { Fault } from '../../contract/fault.ts'
import { ATTRIBUTES, type Attributes } from './attributes.ts'
import { ruleFault } from './tokens.ts'
import { translate } from './translate.ts'

/** Whether somebody with these attributes passes. Never throws: what cannot be evaluated does not pass. */
export type Rule = (attributes: Attributes) => boolean

/**
 * Bounds on what is parsed. There are no loops in a rule (CEL's macros and its regular expressions are left
 * out by `translate`), so evaluation is bounded by its size and that of the attributes.
 */
const LIMITS = { maxAstNodes: 512, maxDepth: 48, maxListElements: 128, maxMapEntries: 0, maxCallArguments: 2 }

/** @returns what turns the text of a rule into a `Rule`, or throws Fault `usage` with the place of the error. */
export function openCompiler(): (rule: string) => Rule {
  const environment = new Environment({ limits: LIMITS })
  for (const [name, type] of Object.entries(ATTRIBUTES)) environment.registerVariable(name, type)
  return (rule) => compile(environment, rule)
}

function compile(environment: Environment, rule: string): Rule {
  const { cel, sourceOffset } = translate(rule)
  if (cel === '') throw new Fault('usage', 'the rule is empty')
  let program: ReturnType<Environment['parse']>
  try {
    program = environment.parse(cel)
    const checked = program.check()
    if (!checked.valid) throw checked.error ?? new Error('not valid')
    if (checked.type !== 'bool') {
      throw new Fault('usage', `a rule says yes or no, and this one says a ${checked.type}`, {
        hint: 'for example Email endsWith "@company.com"',
      })
    }
  } catch (error) {
    if (error instanceof Fault) throw error
    throw asFault(error, sourceOffset)
  }
  return (attributes) => {
    try {
      return program({ ...attributes }) === true
    } catch {
      return false
    }
  }
}

/** The library's errors carry a short text and a place in the CEL. */
function asFault(error: unknown, sourceOffset: (offset: number) => number): Fault {
  const { summary, range } = error as { summary?: unknown; range?: { start?: unknown } }
  const start = typeof range?.start === 'number' ? range.start : 0
  const text = typeof summary === 'string' ? summary : 'this cannot be understood'
  if (/token: EOF/.test(text)) return ruleFault(sourceOffset(start), 'something is missing here')
  return ruleFault(sourceOffset(start), `${text.charAt(0).toLowerCase()}${text.slice(1)}`)
}

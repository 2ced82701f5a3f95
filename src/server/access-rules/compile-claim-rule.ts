/** Compiles a rule about the claims of a JWT. */
import { Environment } from '@marcbachmann/cel-js'
import { Fault } from '../../contract/fault.ts'
import { asFault, LIMITS } from './compile-rule.ts'
import { translate, type Vocabulary } from './translate-rule-to-cel.ts'

/** Whether these claims pass. Never throws: a rule that cannot be evaluated lets nobody pass. */
export type ClaimRule = (claims: Readonly<Record<string, unknown>>) => boolean

const CLAIMS: Vocabulary = {
  variables: ['claims'],
  words: ['true', 'false', 'in', 'size', 'has'],
  hasFields: true,
}

/**
 * The language of access rules, over `claims`: `claims.ref == "refs/heads/main"`, `claims["a.b"].c in ["x", "y"]`. Which
 * claims there are, and of which types, only the token says; so here the library evaluates as well. The claims are as
 * long as a token may be, which bounds what it does with them.
 * @throws Fault `usage` with the column of the error
 */
export function compileClaimRule(text: string): ClaimRule {
  const { cel, sourceOffset } = translate(text, CLAIMS)
  if (cel === '') throw new Fault('usage', 'the rule is empty')
  const environment = new Environment({ limits: LIMITS })
  environment.registerVariable('claims', 'map<string, dyn>')
  let program: ReturnType<Environment['parse']>
  try {
    program = environment.parse(cel)
    const checked = program.check()
    if (!checked.valid) throw checked.error ?? new Error('not valid')
    if (checked.type !== 'bool' && checked.type !== 'dyn') {
      throw new Fault('usage', `a rule says yes or no, and this one says a ${checked.type}`, {
        hint: 'for example claims.repository == "my-org/app"',
      })
    }
  } catch (error) {
    throw error instanceof Fault ? error : asFault(error, sourceOffset)
  }
  return (claims) => {
    try {
      return program({ claims: celValue(claims) }) === true
    } catch {
      return false
    }
  }
}

/** Whole numbers of JSON as CEL's integers, which a rule can compare with the numbers in it. */
function celValue(value: unknown): unknown {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (Array.isArray(value)) return value.map(celValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, celValue(inner)]))
}

/**
 * Owns: whether a caller may see something that a rule stands before, and whether a rule can be one.
 * Refuses: rules that cannot be evaluated (nobody passes), Basic callers before any rule (S9: it is not known
 * who they are). It keeps nothing: `pipelines/` stores the rules of pipelines, the settings have the server's.
 */
import { type Attributes, attributesOf } from './caller-attributes.ts'
import type { Rule } from './compile-rule.ts'
import type { Principal } from './principal.ts'

export interface Rbac {
  /** @throws Fault `usage` with the column of the error, and the nearest name for an unknown one */
  check(expression: string): void
  /** The one decision about a rule, for API, pages, events and MCP alike. */
  allowed(principal: Principal, expression: string): boolean
  /** The same for one caller and many rules: what several things have in common is decided once. */
  judge(principal: Principal): (expression: string) => boolean
  /** Whether the server's own rule lets this caller in at all; without one, yes. */
  admits(principal: Principal): boolean
}

/** Compiled rules that are kept, a few kilobytes each; a server with more compiles again. */
const MAX_COMPILED = 5000

/**
 * @param serverRule what every caller has to pass; undefined: no rule
 * @throws Fault `usage` when the server's rule is none
 */
export async function openRbac(serverRule?: string): Promise<Rbac> {
  const { openCompiler } = await import('./compile-rule.ts')
  const compile = openCompiler()
  const compiled = new Map<string, Rule>()
  const ruleOf = (expression: string): Rule => {
    const known = compiled.get(expression)
    if (known !== undefined) return known
    const rule = compile(expression)
    if (compiled.size >= MAX_COMPILED) compiled.clear()
    compiled.set(expression, rule)
    return rule
  }
  const judge: Rbac['judge'] = (principal) => {
    // S3: without authentication everyone is an administrator, and there is nobody to tell apart.
    if (principal.kind === 'open') return () => true
    if (principal.kind === 'basic' || principal.kind === 'anonymous') return () => false
    const attributes = attributesOf(principal)
    const decided = new Map<string, boolean>()
    return (expression) => {
      const before = decided.get(expression)
      if (before !== undefined) return before
      const verdict = passes(expression, attributes)
      decided.set(expression, verdict)
      return verdict
    }
  }
  const passes = (expression: string, attributes: Attributes): boolean => {
    try {
      return ruleOf(expression)(attributes)
    } catch {
      // A rule of an older version that this one cannot read.
      return false
    }
  }
  const allowed: Rbac['allowed'] = (principal, expression) => judge(principal)(expression)
  if (serverRule !== undefined) ruleOf(serverRule)
  return {
    check: (expression) => void ruleOf(expression),
    allowed,
    judge,
    // A runner is admitted by its own token, and is not a person that a rule could describe.
    admits: (principal) =>
      serverRule === undefined || principal.kind === 'runner' || allowed(principal, serverRule),
  }
}

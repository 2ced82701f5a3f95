/**
 * Owns: whether a caller passes a rule, and whether a text is a valid rule.
 * Refuses: rules that cannot be evaluated (nobody passes them), and Basic callers at any rule, because it is not known
 * who they are. It stores nothing: `pipelines/` has the rules of pipelines, the settings have the server's.
 */
import { asksForMemberships, type Attributes, attributesOf } from './caller-attributes.ts'
import type { Rule } from './compile-rule.ts'
import type { Principal } from './principal.ts'

export interface Rbac {
  /** @throws Fault `usage` with the column of the error, and the nearest name for an unknown one */
  check(expression: string): void
  /** Whether the caller passes a rule; the same for API, pages, events and MCP. */
  allowed(principal: Principal, expression: string): boolean
  /** The same for one caller and many rules: equal rules are evaluated once. */
  judge(principal: Principal): (expression: string) => boolean
  /** Whether the caller passes the server's own rule; without one, yes. */
  admits(principal: Principal): boolean
  /** Whether the server's own rule asks for organizations or groups. */
  serverAsksForMemberships: boolean
}

/** How many compiled rules are cached, a few kilobytes each. */
const MAX_COMPILED = 5000

/**
 * @param serverRule the rule that every caller has to pass; undefined: none
 * @throws Fault `usage` when the server's rule is not valid
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
    // Without authentication every caller is an administrator, and they cannot be told apart.
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
      // A rule that an older version accepted and this one does not.
      return false
    }
  }
  const allowed: Rbac['allowed'] = (principal, expression) => judge(principal)(expression)
  if (serverRule !== undefined) ruleOf(serverRule)
  return {
    check: (expression) => void ruleOf(expression),
    allowed,
    judge,
    // A runner is admitted by its token, a workload by the rule of its issuer: they are not people whom a rule of the
    // server could describe.
    admits: (principal) =>
      serverRule === undefined ||
      principal.kind === 'runner' ||
      principal.kind === 'workload' ||
      allowed(principal, serverRule),
    serverAsksForMemberships: serverRule !== undefined && asksForMemberships(serverRule),
  }
}

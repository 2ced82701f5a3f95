/** What a person may give to a token that they create, and which of their tokens a login may revoke. */
import type { Scope } from '../../contract/token-scopes.ts'
import type { Principal } from '../access-rules/principal.ts'

/** The scopes that a person asks for a token without having them: nobody passes on what they may not do. */
export function scopesNotHeld(scopes: readonly Scope[], { scopes: held }: Principal): Scope[] {
  return scopes.filter((scope) => !held.has(scope))
}

/**
 * The scopes by which a token exceeds the login that wants to revoke it. What the login was granted counts, whatever
 * the role left of it: a person who has lost a scope can still revoke what they created with it. The pipelines of a
 * token do not count, because logins of people are not restricted to any.
 */
export function scopesBeyondLogin(scopes: readonly Scope[], { granted }: Principal): Scope[] {
  return scopes.filter((scope) => !granted.has(scope))
}

/** Which pipelines a new token is for. */
type PipelineChoice =
  | { kind: 'all' }
  | { kind: 'named'; names: readonly string[] }
  /** None: the token is about runners alone. */
  | { kind: 'none' }
  /** Refused: both all pipelines and some by name. */
  | { kind: 'contradiction' }
  /** Refused: a token for all pipelines is never created without saying so. */
  | { kind: 'missing' }

export function choosePipelines(asked: {
  scopes: readonly Scope[]
  /** Undefined: not said. */
  allPipelines: boolean | undefined
  /** By name. */
  pipelines: readonly string[] | undefined
}): PipelineChoice {
  const names = asked.pipelines ?? []
  if (asked.allPipelines === true) return { kind: names.length === 0 ? 'all' : 'contradiction' }
  if (names.length > 0) return { kind: 'named', names }
  return { kind: asked.scopes.every((scope) => scope.startsWith('runners:')) ? 'none' : 'missing' }
}

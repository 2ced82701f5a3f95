/** Reads the scopes of a new token or key from `--scope`. */
import { Fault } from '../../contract/fault.ts'
import { ALL_SCOPES, isScope, type Scope } from '../../contract/token-scopes.ts'
import { nearest } from '../../contract/nearest-word.ts'

/**
 * `--scope a --scope b`, also `--scope a,b` and `--scope "a b"`.
 * @throws Fault `usage` when there is none, or for one that does not exist
 */
export function parseScopes(given: readonly string[]): Scope[] {
  const names = given.flatMap((text) => text.split(/[\s,]+/)).filter((name) => name !== '')
  if (names.length === 0) {
    throw new Fault('usage', 'say what it may do: --scope SCOPE', { hint: `scopes: ${ALL_SCOPES.join(' ')}` })
  }
  const scopes = new Set<Scope>()
  for (const name of names) {
    if (!isScope(name)) {
      const near = nearest(name, ALL_SCOPES)
      throw new Fault('usage', 'there is no such scope', {
        hint: near === undefined ? `scopes: ${ALL_SCOPES.join(' ')}` : `did you mean ${near}?`,
      })
    }
    scopes.add(name)
  }
  return [...scopes]
}

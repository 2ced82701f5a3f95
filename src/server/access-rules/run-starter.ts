/** Who started a run, as its record says it, and whether that is who calls now. */
import type { Principal } from './principal.ts'

interface Starter {
  kind: string
  id: string
  /** The ID of the scoped token that was presented, if one was. */
  token: string | null
}

/** What the record of a run that this caller starts has of them. */
export function startedBy(principal: Principal): {
  triggeredBy: string
  starter: Starter
  tokenName: string | undefined
} {
  const { credential } = principal
  return { triggeredBy: callerName(principal), starter: starterOf(principal), tokenName: credential.name }
}

/** A caller as records of runs show them. */
export function callerName({ email, id }: Principal): string {
  return email ?? id
}

/**
 * Whether the caller is who started the run. A token is told apart from the other tokens of its owner, and from its
 * owner: one that may only start runs reads nothing but what it has started itself.
 */
export function hasStarted(principal: Principal, starter: Starter | null): boolean {
  const { kind, id, token } = starterOf(principal)
  return starter !== null && starter.kind === kind && starter.id === id && starter.token === token
}

function starterOf({ kind, id, credential }: Principal): Starter {
  return { kind, id, token: credential.kind === 'token' ? credential.id : null }
}

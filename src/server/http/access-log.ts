/** The access log: one line per request. */
import type { Clock } from '../../platform/clock.ts'
import type { ServerLog } from '../log.ts'
import type { Principal } from '../access-rules/principal.ts'
import type { Call } from './request-context.ts'

/** The shortest time between two reads of one credential whose lines have the address. */
const ADDRESS_EVERY_MS = 100

/**
 * One line per request. Finding the address of the peer takes a tenth of the time of a fast request, so of the fast,
 * successful reads of one credential that come within a tenth of a second only the first has it. Changes, refusals,
 * requests that had to wait for something and requests without a credential always have it.
 */
export function openAccessLog({ log, clock }: { log: ServerLog; clock: Clock }) {
  const lastAt = new WeakMap<Principal, number>()

  function hasAddress({ method, principal }: Call, status: number, now: number): boolean {
    if (method !== 'GET' || status >= 400 || principal.credential.id === null) return true
    const last = lastAt.get(principal)
    if (last !== undefined && now >= last && now - last < ADDRESS_EVERY_MS) return false
    lastAt.set(principal, now)
    return true
  }

  return (call: Call, status: number, started: number): void => {
    const now = clock.now()
    // Without the query, which can carry codes and states.
    const { requestId, method, path } = call
    const address = call.knownAddress ?? (hasAddress(call, status, now) ? call.address : undefined)
    log.request({ requestId, method, path, status, ms: now - started, address })
  }
}

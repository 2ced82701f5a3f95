import type { Clock } from '../../platform/clock.ts'
import type { ServerLog } from '../log.ts'
import type { Principal } from '../rbac/principal.ts'
import type { Call } from './call.ts'

/** Between the reads of one credential that say where they come from. */
const SAY_AGAIN_MS = 100

/**
 * One line for each request. It says where the request comes from, which takes a tenth of the time of a fast
 * answer to find out. So where a credential's fast, successful reads follow each other closer than a tenth of a
 * second, not each of them does; changes, refusals, whatever had to wait for something and whoever shows no
 * credential always do.
 */
export function openAccessLog({ log, clock }: { log: ServerLog; clock: Clock }) {
  const saidAt = new WeakMap<Principal, number>()

  function isSaid({ method, principal }: Call, status: number, now: number): boolean {
    if (method !== 'GET' || status >= 400 || principal.credential.id === null) return true
    const last = saidAt.get(principal)
    if (last !== undefined && now >= last && now - last < SAY_AGAIN_MS) return false
    saidAt.set(principal, now)
    return true
  }

  return (call: Call, status: number, started: number): void => {
    const now = clock.now()
    // The path alone: queries carry codes and states.
    const { requestId, method, path } = call
    const address = call.knownAddress ?? (isSaid(call, status, now) ? call.address : undefined)
    log.request({ requestId, method, path, status, ms: now - started, address })
  }
}

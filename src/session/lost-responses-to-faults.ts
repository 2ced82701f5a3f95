/** Turns connections that failed or broke into faults, which say whether the request may have arrived. */
import { Fault } from '../contract/fault.ts'
import { cannotReach, reasonOf } from '../platform/network/describe-fetch-failure.ts'

/**
 * What may have come of a request whose response was lost, for one that must not be sent twice. The fact is added to
 * the reason for which the wait ended; the hint replaces that reason's own.
 */
export interface LostResponse {
  fact: string
  hint: string
}

export const MAYBE_SENT = {
  fact: 'the request may have arrived',
  hint: 'look what has come of it before you repeat it',
}

/** The request went out, or may have, and no response came: `cause` says why. */
class ResponseLost extends Error {}

/** For a rejected request. @throws what it was rejected with, as a `ResponseLost` where the request may have arrived */
export function lost(cause: unknown): never {
  throw reasonOf(cause).mayHaveArrived ? new ResponseLost('no response', { cause }) : cause
}

/**
 * Runs `work`; an error that is not a fault is a connection that failed or broke.
 * @throws Fault `unreachable`, which says by `ifLost` what may have come of the request; the reason of an aborted signal
 */
export async function reach<T>(
  server: string,
  signal: AbortSignal,
  work: () => Promise<T>,
  ifLost?: LostResponse,
): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    const isLost = thrown instanceof ResponseLost
    const error = isLost ? thrown.cause : thrown
    if (isLost && ifLost !== undefined) throw leftOpen(server, signal, error, ifLost)
    if (signal.aborted) throw signal.reason
    if (error instanceof Fault) throw error
    const { message, hint } = cannotReach(
      server,
      error,
      `is a server running at ${server}? name another with -s URL or FOB_SERVER`,
    )
    throw new Fault('unreachable', message, { hint })
  }
}

/** Why there is no response, and what may have come of the request all the same. */
function leftOpen(server: string, signal: AbortSignal, cause: unknown, { fact, hint }: LostResponse): Fault {
  const stopped: unknown = signal.aborted ? signal.reason : undefined
  if (stopped instanceof Fault) return new Fault(stopped.code, `${stopped.message}; ${fact}`, { hint })
  return new Fault('unreachable', `no response from ${server}: ${reasonOf(cause).words}; ${fact}`, { hint })
}

/** `slow_down` for a device that polls too soon (RFC 8628 §3.5), which oidc-provider leaves to others. */
import { createHash } from 'node:crypto'
import type { Clock } from '../../../platform/clock.ts'
import { parseJson } from '../../../platform/parse-json.ts'
import { oauthError } from './oauth-error-response.ts'

/** RFC 8628 §3.2 has 5 s where the response names no interval; one of them is for the network. */
const TOO_SOON_MS = 4000
/** Codes that are polled at the same time; beyond that, those that nobody polls any more are forgotten. */
const SWEEP_ABOVE = 1000

export type PollPace = (deviceCode: string, respond: () => Promise<Response>) => Promise<Response>

/**
 * In memory: another server, or one that has restarted, is patient once more. Only what is still pending is slowed
 * down: a device that was approved has its tokens, however soon it asks.
 */
export function openPollPace(clock: Clock): PollPace {
  const polledAt = new Map<string, number>()
  return async (deviceCode, respond) => {
    const response = await respond()
    const key = createHash('sha256').update(deviceCode).digest('hex')
    if (response.status !== 400 || !(await isPending(response))) {
      polledAt.delete(key)
      return response
    }
    const now = clock.now()
    const before = polledAt.get(key)
    polledAt.set(key, now)
    if (polledAt.size > SWEEP_ABOVE) {
      for (const [other, at] of polledAt) if (now - at > TOO_SOON_MS) polledAt.delete(other)
    }
    if (before === undefined || now - before >= TOO_SOON_MS) return response
    return oauthError(400, 'slow_down', {}, 'wait 5 seconds longer between polls')
  }
}

async function isPending(response: Response): Promise<boolean> {
  const body = parseJson(await response.clone().text())
  return (
    typeof body === 'object' && body !== null && 'error' in body && body.error === 'authorization_pending'
  )
}

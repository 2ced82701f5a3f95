/** The host call `timer`: its response comes once the time has passed. */
import * as v from 'valibot'
import type { Clock } from '../../../platform/clock.ts'
import type { HostCalls } from '../host-call-type.ts'

const timer = v.object({ ms: v.pipe(v.number(), v.minValue(0), v.maxValue(7 * 24 * 60 * 60 * 1000)) })

export function createTimerCalls(clock: Clock): HostCalls {
  return {
    timer: async (params, { signal }) => {
      await clock.sleep(v.parse(timer, params).ms, signal)
      return null
    },
  }
}

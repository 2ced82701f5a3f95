/** Which responses of an earlier attempt stand in the next one for the same call. */
import * as v from 'valibot'
import type { RecordedResponse } from '../journal/run-journal-type.ts'

const success = v.object({ status: v.literal('success') })
const mounted = v.object({ mounts: v.pipe(v.record(v.string(), v.unknown()), v.minEntries(1)) })
/** Calls that leave behind what ends with the attempt: sandboxes and volumes. */
const NEVER = new Set([
  'sandbox.open',
  'sandbox.exec',
  'sandbox.close',
  'volumes.create',
  'nativeResources.fetch',
])

/**
 * Whether a response may be used again in the next attempt: a task must have succeeded, and must have had no
 * volume, as volumes end with the attempt.
 */
export function isReusable(method: string, json: string, value: unknown): boolean {
  if (NEVER.has(method)) return false
  return method !== 'runtime.run' || (v.is(success, value) && !v.is(mounted, JSON.parse(json)))
}

/** The responses of earlier attempts, each to be taken once. */
interface ReusablePool {
  /** A response to the same call with the same parameters: of the call of the same number, where there is one. */
  take(call: number, method: string, hash: string): RecordedResponse | undefined
}

/** @param taken what this attempt was given before; a response that it took from an earlier attempt has the same instant */
export function createReusablePool(
  earlier: readonly RecordedResponse[],
  taken: readonly RecordedResponse[],
): ReusablePool {
  const left = Map.groupBy(
    earlier.filter(({ reusable }) => reusable),
    keyOf,
  )
  const pool: ReusablePool = {
    take: (call, method, hash) => {
      const entries = left.get(keyOf({ method, hash })) ?? []
      const same = entries.findIndex((entry) => entry.call === call)
      return entries.splice(Math.max(0, same), 1)[0]
    },
  }
  for (const { call, method, hash, at } of taken) {
    if (left.get(keyOf({ method, hash }))?.some((entry) => entry.at === at)) pool.take(call, method, hash)
  }
  return pool
}

function keyOf({ method, hash }: { method: string; hash: string }): string {
  return `${method} ${hash}`
}

import * as v from 'valibot'
import type { RecordedAnswer } from '../journal/history.ts'

const success = v.object({ status: v.literal('success') })
const mounted = v.object({ mounts: v.pipe(v.record(v.string(), v.unknown()), v.minEntries(1)) })
/** What leaves something behind that is gone with the attempt: sandboxes, and volumes. */
const NEVER = new Set([
  'sandbox.open',
  'sandbox.exec',
  'sandbox.close',
  'volumes.create',
  'nativeResources.fetch',
])

/**
 * Whether an answer may stand in the next attempt for what it answered: a task has to have passed, and to have
 * left nothing in a volume, as volumes go with the attempt.
 */
export function isReusable(method: string, json: string, value: unknown): boolean {
  if (NEVER.has(method)) return false
  return method !== 'runtime.run' || (v.is(success, value) && !v.is(mounted, JSON.parse(json)))
}

/** The answers of earlier attempts, each to be taken once. */
export interface Pool {
  /** The answer to the same question, best to the call of the same number. */
  take(call: number, method: string, hash: string): RecordedAnswer | undefined
}

/** @param taken what this attempt was given before; what it took from an earlier one has the same instant. */
export function createPool(earlier: readonly RecordedAnswer[], taken: readonly RecordedAnswer[]): Pool {
  const left = Map.groupBy(
    earlier.filter(({ reusable }) => reusable),
    keyOf,
  )
  const pool: Pool = {
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

/** Names that users must not choose, because they mean something else to an object of JavaScript. */
import * as v from 'valibot'

/** Refused wherever users choose names: `v.record` drops such a key silently, and the request would seem to succeed. */
const RESERVED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Whether users may call something by this name. */
export function isFreeName(name: string): boolean {
  return !RESERVED.has(name)
}

export const RESERVED_NAMES = '"__proto__", "constructor" and "prototype" cannot be names'

/** A record whose keys are names that users chose. */
export function namedRecord<
  const Key extends v.GenericSchema<string, string>,
  const Value extends v.GenericSchema<unknown, unknown>,
>(key: Key, value: Value) {
  return v.pipe(
    v.unknown(),
    v.check(
      (input) => typeof input !== 'object' || input === null || Object.keys(input).every(isFreeName),
      RESERVED_NAMES,
    ),
    v.record(key, value),
  )
}

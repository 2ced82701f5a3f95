import * as v from 'valibot'

/**
 * Names that mean something else to an object of JavaScript. Refused wherever users choose names: `v.record`
 * leaves such a key out without a word, which would be told as a success.
 */
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

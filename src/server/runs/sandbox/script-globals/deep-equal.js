/** Runs inside the VM, called by prelude.js: whether two values are deeply equal, prototypes included. */
/* oxlint-disable no-unused-expressions, consistent-function-scoping -- evaluated for its value, a function */
/* The order of maps and sets does not count; of two values, a circular one equals only a circular one. */
;(function () {
  'use strict'
  const isObject = (value) => typeof value === 'object' && value !== null

  /** `met`: the pairs around this one that are being compared. */
  const same = (a, b, met = new Map()) => {
    if (Object.is(a, b)) return true
    if (!isObject(a) || !isObject(b)) return false
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
    if (met.has(a)) return met.get(a) === b
    met.set(a, b)
    try {
      return sameContent(a, b, met) && sameFields(a, b, met)
    } finally {
      met.delete(a)
    }
  }

  /** What is not a field. */
  const sameContent = (a, b, met) => {
    if (Array.isArray(a) !== Array.isArray(b)) return false
    if (Array.isArray(a)) return a.length === b.length
    if (a instanceof Date) return b instanceof Date && Object.is(+a, +b)
    if (a instanceof RegExp)
      return b instanceof RegExp && String(a) === String(b) && a.lastIndex === b.lastIndex
    if (a instanceof Error) return b instanceof Error && sameError(a, b, met)
    if (a instanceof Map) return b instanceof Map && a.size === b.size && sameEntries(a, b, met)
    if (a instanceof Set) return b instanceof Set && a.size === b.size && sameMembers(a, b, met)
    if (a instanceof ArrayBuffer)
      return b instanceof ArrayBuffer && same(new Uint8Array(a), new Uint8Array(b), met)
    if (a instanceof DataView) return b instanceof DataView && same(bytesOf(a), bytesOf(b), met)
    if (isBoxed(a)) return Object.is(a.valueOf(), b.valueOf())
    // Nothing can tell whether two different ones are equal.
    return !(a instanceof Promise || a instanceof WeakMap || a instanceof WeakSet)
  }

  const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  const isBoxed = (value) => [Number, String, Boolean, BigInt, Symbol].some((kind) => value instanceof kind)

  const sameError = (a, b, met) =>
    a.name === b.name &&
    a.message === b.message &&
    Object.hasOwn(a, 'cause') === Object.hasOwn(b, 'cause') &&
    same(a.cause, b.cause, met) &&
    same(a.errors, b.errors, met)

  const sameEntries = (a, b, met) => {
    const left = new Map(b)
    const others = []
    for (const [key, value] of a) {
      if (left.has(key) && same(value, left.get(key), met)) left.delete(key)
      else others.push([key, value])
    }
    return paired(others, [...left], met)
  }

  const sameMembers = (a, b, met) => {
    const left = new Set(b)
    const others = [...a].filter((value) => !left.delete(value))
    return paired(others, [...left], met)
  }

  /** Whether each value of one side has a partner of its own on the other. */
  const paired = (ones, others, met) => {
    if (ones.length !== others.length) return false
    const left = [...others]
    return ones.every((one) => {
      const at = left.findIndex((other) => same(one, other, met))
      if (at >= 0) left.splice(at, 1)
      return at >= 0
    })
  }

  const sameFields = (a, b, met) => {
    const keys = keysOf(a)
    return (
      keys.length === keysOf(b).length &&
      keys.every((key) => Object.prototype.propertyIsEnumerable.call(b, key) && same(a[key], b[key], met))
    )
  }
  const keysOf = (value) =>
    Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key))

  return same
})

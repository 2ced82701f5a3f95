/** Runs inside the VM, called by prelude.js: refuses values that JSON would leave out or change. */
/* oxlint-disable no-unused-expressions, consistent-function-scoping -- evaluated for its value, a function */
/* It checks while the value is converted to JSON: that conversion itself refuses circular values. */
;(function () {
  'use strict'
  const { stringify } = JSON
  /** A value that is much deeper would crash the VM. */
  const MAX_DEPTH = 1000
  const MAX_PATH = 256
  /** JSON leaves out what these hold, even where they also have fields. */
  const KINDS = [Map, Set, Promise, Error, RegExp, ArrayBuffer]

  /** @throws TypeError `storage.set: value.b[2] is a Map, which JSON cannot say` */
  const requireJson = (what, name, root) => {
    /** The objects around the value that is checked, from the outermost. */
    const around = []
    stringify(root, function (key, value) {
      while (around.length > 0 && around.at(-1).value !== this) around.pop()
      const wrong = wrongOf(value, this, key, around.length === 0)
      if (wrong) {
        const path = pathTo(name, [...around, { key }]).slice(0, MAX_PATH)
        throw new TypeError(`${what}: ${path} is ${wrong}, which JSON cannot say`)
      }
      if (typeof value !== 'object' || value === null) return value
      if (around.length === MAX_DEPTH) throw new TypeError(`${what}: ${name} is over ${MAX_DEPTH} deep`)
      around.push({ key, value })
      return value
    })
  }

  /** What `value` is, where JSON cannot represent it. `toJSON` was called before. */
  const wrongOf = (value, holder, key, isRoot) => {
    // A field that is undefined is the same as a missing one.
    if (value === undefined) return isRoot || Array.isArray(holder) ? 'undefined' : undefined
    if (value === null) return holder[key] instanceof Date ? 'an invalid Date' : undefined
    if (typeof value === 'number') return Number.isFinite(value) ? undefined : String(value)
    if (typeof value === 'object') return isOther(value) ? nameOf(value) : undefined
    return ['string', 'boolean'].includes(typeof value) ? undefined : `a ${typeof value}`
  }

  /** Also an object of any class that has no field for JSON. */
  const isOther = (value) => {
    if (Array.isArray(value)) return false
    if (ArrayBuffer.isView(value) || KINDS.some((kind) => value instanceof kind)) return true
    const prototype = Object.getPrototypeOf(value)
    return prototype !== null && prototype !== Object.prototype && Object.keys(value).length === 0
  }

  const nameOf = (value) => {
    const { constructor } = value
    const name = typeof constructor === 'function' ? String(constructor.name).slice(0, 64) : ''
    return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name || 'object'}`
  }

  /** `steps`: the root, then each value on the path, with its key in the one before it. */
  const pathTo = (name, steps) => {
    const words = steps.slice(1).map(({ key }, at) => {
      if (Array.isArray(steps[at].value)) return `[${key}]`
      return /^[\w$]+$/.test(key) ? `.${key}` : `[${stringify(key)}]`
    })
    return `${name}${words.join('')}`
  }

  return requireJson
})

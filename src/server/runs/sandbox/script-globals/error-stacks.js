/** Runs inside the VM, called by prelude.js: the stacks of errors, as a script sees them. */
/* oxlint-disable no-unused-expressions, consistent-function-scoping, no-extend-native -- evaluated for its value, a function */
/*
 * Places are those of the source; the frames of fob and of the constructors of an error are left out. A stack is
 * converted only when it is read.
 * `inSource(raw)`: the stack with places in the source.
 */
;(function (inSource) {
  'use strict'
  const { apply } = Reflect
  const native = Object.getOwnPropertyDescriptor(Error.prototype, 'stack')
  const capture = Error.captureStackTrace
  const MOST_CLASSES = 16

  /** The names of the classes of an error. The constructors of the language's own classes have no frames. */
  const classesOf = (error) => {
    const names = new Set()
    let prototype = Object.getPrototypeOf(error)
    for (let depth = 0; prototype !== null && depth < MOST_CLASSES; depth++) {
      const name = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value?.name
      if (typeof name === 'string' && name) names.add(name)
      prototype = Object.getPrototypeOf(prototype)
    }
    return names
  }

  /** The frames of constructors are the same for all errors of a class: they do not tell where an error was created. */
  const withoutConstructors = (stack, error) => {
    const names = classesOf(error)
    const frames = stack.split('\n')
    const isConstructor = (frame) => names.has(/^\s*at (\S+) \(/.exec(frame)?.[1])
    let first = 0
    while (first < frames.length && isConstructor(frames[first])) first += 1
    // An error that was created outside of any function of the script has no other frame.
    return first < frames.length && frames[first] !== '' ? frames.slice(first).join('\n') : stack
  }

  /** The stack that the engine has stored, whatever the script has put in its place. */
  const stackOf = (error) => {
    const raw = apply(native.get, error, [])
    return typeof raw === 'string' ? withoutConstructors(inSource(raw), error) : raw
  }

  Object.defineProperty(Error.prototype, 'stack', {
    get() {
      return stackOf(this)
    },
    set: native.set,
    enumerable: false,
    configurable: true,
  })
  Error.captureStackTrace = (target, above) => {
    capture(target, above)
    const own = Object.getOwnPropertyDescriptor(target, 'stack')
    if (typeof own?.value === 'string')
      Object.defineProperty(target, 'stack', { ...own, value: inSource(own.value) })
  }
  return stackOf
})

/* oxlint-disable no-unused-expressions, consistent-function-scoping, no-extend-native -- evaluated for its value, a function */
/*
 * Runs inside the VM, called by prelude.js: what a script sees of stacks. Places are those of its source, the
 * frames of fob and of an error's own constructors are left out. An error costs nothing of it until it is read.
 * `inSource(raw)`: the stack with the places of the source.
 */
;(function (inSource) {
  'use strict'
  const { apply } = Reflect
  const native = Object.getOwnPropertyDescriptor(Error.prototype, 'stack')
  const capture = Error.captureStackTrace
  const MOST_CLASSES = 16

  /** The names of the classes that it is of, but for those of the language: their constructors have no frames. */
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

  /** A class says where it calls `super`, which is the same for all: what is asked is where the error was made. */
  const withoutConstructors = (stack, error) => {
    const names = classesOf(error)
    const frames = stack.split('\n')
    const isConstructor = (frame) => names.has(/^\s*at (\S+) \(/.exec(frame)?.[1])
    let first = 0
    while (first < frames.length && isConstructor(frames[first])) first += 1
    // One that was made outside of any function of the script has no other frame.
    return first < frames.length && frames[first] !== '' ? frames.slice(first).join('\n') : stack
  }

  /** What the engine has kept, whatever the script has put in its place. */
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

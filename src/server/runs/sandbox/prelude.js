/* oxlint-disable no-unused-expressions -- evaluated for its value, a function */
/*
 * Runs inside the VM before the script and gives it its whole world: console, assert, and what world.js makes.
 * `host` are the only ways out: log(stream, text), call(method, json) → id, callSync(method, json) → its answer,
 * drop(id), done(), failed(json).
 * Whatever the script does to these objects it does to itself: the server believes nothing of it.
 */
;(function (host, makeWorld, setup) {
  'use strict'
  const { parse, stringify } = JSON
  const waiting = new Map()
  /** Calls and timers at once: more is a script in a loop. */
  const MAX_WAITING = 10_000

  const show = (value) => {
    if (typeof value === 'string') return value
    if (value instanceof Error) return `${value.name}: ${value.message}\n${value.stack ?? ''}`.trimEnd()
    if (typeof value !== 'object' || value === null) return String(value)
    const seen = new Set()
    const plain = (_key, inner) => {
      if (typeof inner === 'bigint') return `${inner}n`
      if (typeof inner !== 'object' || inner === null) return inner
      if (seen.has(inner)) return '[seen above]'
      seen.add(inner)
      return inner
    }
    return stringify(value, plain, 2) ?? String(value)
  }
  const print =
    (stream) =>
    (...values) =>
      host.log(stream, `${values.map(show).join(' ')}\n`)

  const ask = (method, params, then) => {
    if (waiting.size >= MAX_WAITING)
      throw new RangeError(`over ${MAX_WAITING} calls wait for an answer already`)
    const id = host.call(method, stringify(params) ?? 'null')
    waiting.set(id, then)
    return id
  }
  const call = (method, params) =>
    new Promise((resolve, reject) => {
      // Made here, so that its stack points to the caller and not to the arrival of the answer.
      const error = new Error()
      ask(method, params, { resolve, reject: ({ message }) => reject(Object.assign(error, { message })) })
    })
  const callSync = (method, params) => {
    const answer = host.callSync(method, stringify(params) ?? 'null')
    const value = parse(answer.slice(1))
    if (answer[0] === '+') return value
    throw new Error(value.message)
  }
  const timer = (ms, then) => ask('timer', { ms }, { resolve: then, reject: () => {} })
  const drop = (id) => {
    if (waiting.delete(id)) host.drop(id)
  }

  class AssertionError extends Error {
    name = 'AssertionError'
  }
  const claim = (holds, message, otherwise) => {
    if (!holds) throw message instanceof Error ? message : new AssertionError(message ?? otherwise())
  }
  const same = (a, b) => {
    if (Object.is(a, b)) return true
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
    if (Array.isArray(a) !== Array.isArray(b)) return false
    const keys = Object.keys(a)
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]))
    )
  }
  const assert = (value, message) => claim(value, message, () => `expected a true value, got ${show(value)}`)
  Object.assign(assert, {
    ok: assert,
    equal: (a, b, message) => claim(Object.is(a, b), message, () => `expected ${show(b)}, got ${show(a)}`),
    notEqual: (a, b, message) => claim(!Object.is(a, b), message, () => `expected anything but ${show(b)}`),
    deepEqual: (a, b, message) => claim(same(a, b), message, () => `expected ${show(b)}, got ${show(a)}`),
    match: (text, pattern, message) =>
      claim(pattern.test(text), message, () => `expected a match of ${pattern}, got ${show(text)}`),
    throws: (run, message) => {
      try {
        run()
      } catch {
        return
      }
      claim(false, message, () => 'expected the function to throw')
    },
    fail: (message) => claim(false, message, () => 'failed'),
  })

  const freeze = (value) => {
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze)
    return Object.freeze(value)
  }
  // The script sees what it is given and nothing of the machine: no clock but `Date`, which stands still between
  // answers, and nothing that tells when garbage is collected.
  for (const name of ['performance', 'WeakRef', 'FinalizationRegistry']) delete globalThis[name]
  const world = {
    console: {
      log: print('stdout'),
      info: print('stdout'),
      debug: print('stdout'),
      warn: print('stderr'),
      error: print('stderr'),
    },
    assert,
    ...makeWorld({ call, callSync, timer, drop }, parse(setup)),
  }
  for (const [name, value] of Object.entries(world)) {
    Object.defineProperty(globalThis, name, { value: freeze(value), enumerable: true })
  }

  /** Never throws, whatever was thrown: a proxy, a getter, an object without a prototype. */
  const describe = (thrown) => {
    try {
      if (!(thrown instanceof Error))
        return stringify({ message: `threw ${show(thrown)}`.slice(0, 8192), stack: '' })
      const message = `${thrown.name}: ${thrown.message}`.slice(0, 8192)
      return stringify({ message, stack: show(thrown.stack ?? '').slice(0, 8192) })
    } catch {
      return '{"message":"threw something that cannot be shown","stack":""}'
    }
  }

  return {
    describe,
    /** Called with the module: a promise of its exports. */
    start: (module) => {
      const run = async () => {
        const exported = await module
        if (typeof exported.pipeline !== 'function')
          throw new TypeError('the export "pipeline" is not a function')
        await exported.pipeline()
      }
      run().then(
        () => host.done(),
        (thrown) => host.failed(describe(thrown)),
      )
    },
    /** The answer to call `id`. */
    settle: (id, ok, json) => {
      const { resolve, reject } = waiting.get(id)
      waiting.delete(id)
      const value = parse(json)
      if (ok) resolve(value)
      else reject(value)
    },
  }
})

/* oxlint-disable no-unused-expressions -- evaluated for its value, a function */
/*
 * Runs inside the VM before the script and gives it its whole world, which the other files beside this one make:
 * `make` are their functions.
 * `host` are the only ways out: log(stream, text), call(method, json) → id, callSync(method, json) → its answer,
 * drop(id), done(), failed(json), stack(raw) → the same in places of the source.
 * Whatever the script does to these objects it does to itself: the server believes nothing of it.
 */
;(function (host, make, setup) {
  'use strict'
  const { parse, stringify } = JSON
  const waiting = new Map()
  /** Calls and timers at once: more is a script in a loop. */
  const MAX_WAITING = 10_000
  /** Of each text about what was thrown. */
  const MAX_TEXT = 8192

  const stackOf = make.stacks(host.stack)
  const { inspect, brief, innerOf } = make.inspect()

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

  const freeze = (value) => {
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze)
    return Object.freeze(value)
  }
  // The script sees what it is given and nothing of the machine: no clock but `Date`, which stands still between
  // answers, and nothing that tells when garbage is collected.
  for (const name of ['performance', 'WeakRef', 'FinalizationRegistry']) delete globalThis[name]
  const world = {
    console: make.console(host.log, inspect),
    assert: make.assert(inspect, make.same()),
    ...make.world({ call, callSync, timer, drop }, parse(setup), make.json()),
  }
  for (const [name, value] of Object.entries(world)) {
    Object.defineProperty(globalThis, name, { value: freeze(value), enumerable: true })
  }

  /**
   * Never throws, whatever was thrown: a proxy, a getter, an object without a prototype.
   * `report`: more than its first line, where there is more to say than the place.
   */
  const describe = (thrown) => {
    try {
      if (!(thrown instanceof Error))
        return stringify({ message: `threw ${inspect(thrown)}`.slice(0, MAX_TEXT), stack: '' })
      const message = brief(thrown).slice(0, MAX_TEXT)
      const stack = String(stackOf(thrown) ?? '').slice(0, MAX_TEXT)
      const { hasCause, errors } = innerOf(thrown)
      const hasMore = hasCause || errors.length > 0 || stack.trim().includes('\n')
      return stringify({ message, stack, report: hasMore ? inspect(thrown).slice(0, MAX_TEXT) : undefined })
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

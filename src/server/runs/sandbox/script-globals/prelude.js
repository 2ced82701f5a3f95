/** Runs inside the VM before the script, and installs the globals that the other files of this folder create. */
/* oxlint-disable no-unused-expressions -- evaluated for its value, a function */
/*
 * `make`: the functions of the other files.
 * `host`: the only ways out: log(stream, text), call(method, json) → id, callSync(method, json) → its response,
 * drop(id), done(), failed(json), stack(raw) → the same stack with places in the source.
 * A script that alters these objects harms only itself: the server trusts nothing that comes from here.
 */
;(function (host, make, setup) {
  'use strict'
  const { parse, stringify } = JSON
  const waiting = new Map()
  /** Calls and timers that wait at once: with more, the script is in a loop. */
  const MAX_WAITING = 10_000
  /** Of each text that describes what was thrown. */
  const MAX_TEXT = 8192
  /** The server finds the place in the source. */
  const NO_FUNCTION = stringify({
    message: 'the export "pipeline" is not a function',
    stack: '',
    reason: 'no_function',
  })

  const stackOf = make.errorStacks(host.stack)
  const { inspect, brief, innerOf } = make.inspect()
  const results = make.overlookedResults(stackOf)

  const ask = (method, params, then) => {
    if (waiting.size >= MAX_WAITING)
      throw new RangeError(`over ${MAX_WAITING} calls wait for an answer already`)
    const id = host.call(method, stringify(params) ?? 'null')
    waiting.set(id, then)
    return id
  }
  /** @param receive is given the value of the response, and an error whose stack has the caller */
  const call = (method, params, receive = (value) => value) =>
    new Promise((resolve, reject) => {
      // Created here, so that its stack has the caller and not the arrival of the response.
      const error = new Error()
      ask(method, params, {
        resolve: (value) => resolve(receive(value, error)),
        reject: ({ message }) => reject(Object.assign(error, { message })),
      })
    })
  const callSync = (method, params) => {
    const response = host.callSync(method, stringify(params) ?? 'null')
    const value = parse(response.slice(1))
    if (response[0] === '+') return value
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
  // The script sees its inputs and nothing of the machine: no clock but `Date`, which moves only with responses, and
  // nothing that depends on garbage collection.
  for (const name of ['performance', 'WeakRef', 'FinalizationRegistry']) delete globalThis[name]
  const globals = {
    console: make.console(host.log, inspect),
    assert: make.assert(inspect, make.deepEqual()),
    ...make.hostApi({ call, callSync, timer, drop }, parse(setup), {
      requireJson: make.requireJson(),
      watch: results.watch,
    }),
  }
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value: freeze(value), enumerable: true })
  }

  /**
   * Never throws, whatever was thrown: a proxy, a getter, an object without a prototype.
   * `report`: everything about it, where that is more than the message and its place.
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
    /** As `describe`, of tasks that failed without the script looking; undefined where there is none. */
    overlooked: () => {
      const found = results.describe()
      return (
        found &&
        stringify({
          ...found,
          message: found.message.slice(0, MAX_TEXT),
          stack: found.stack.slice(0, MAX_TEXT),
        })
      )
    },
    /** `module`: a promise of the exports of the script. */
    start: (module) => {
      const run = async () => {
        const exported = await module
        if (typeof exported.pipeline !== 'function') host.failed(NO_FUNCTION)
        else await exported.pipeline()
      }
      run().then(
        () => host.done(),
        (thrown) => host.failed(describe(thrown)),
      )
    },
    /** The response to call `id`. */
    settle: (id, ok, json) => {
      const { resolve, reject } = waiting.get(id)
      waiting.delete(id)
      const value = parse(json)
      if (ok) resolve(value)
      else reject(value)
    },
  }
})

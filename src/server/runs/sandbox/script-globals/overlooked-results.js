/** Runs inside the VM, called by prelude.js: which tasks failed without the script looking at how they ended. */
/* oxlint-disable no-unused-expressions, consistent-function-scoping -- evaluated for its value, a function */
/*
 * A script looks at a result when it reads `code` or `status`, in whatever way but for printing the whole result. It
 * reads the same in a replay, so the run ends the same way there.
 * `stackOf(error)`: error-stacks.js.
 */
;(function (stackOf) {
  'use strict'
  const { get } = Reflect
  const overlooked = new Set()
  /** A message has room for so many tasks. */
  const MAX_NAMED = 5

  const FAILED = new Set(['failure', 'abort', 'error'])

  /** @param error was created where the script asked for the task */
  const watch = (name, result, error) => {
    const { code, status } = result
    if (!FAILED.has(status)) return result
    const entry = { name, code, status, error }
    overlooked.add(entry)
    return new Proxy(result, {
      get: (target, key) => {
        if (key === 'code' || key === 'status') overlooked.delete(entry)
        return get(target, key)
      },
    })
  }

  const ending = ({ name, code, status }) => {
    if (status === 'error') return `task ${name} did not start`
    return status === 'abort' ? `task ${name} was aborted` : `task ${name} ended with exit code ${code}`
  }

  /** What prelude.js tells of a failure; undefined where the script has looked at all results. */
  const describe = () => {
    const tasks = [...overlooked]
    if (tasks.length === 0) return undefined
    const named = tasks.slice(0, MAX_NAMED).map(ending)
    if (tasks.length > MAX_NAMED) named.push(`${tasks.length - MAX_NAMED} more failed`)
    const message = `${named.join(', ')}, and the pipeline did not look at ${tasks.length === 1 ? 'it' : 'them'}`
    return { message, stack: String(stackOf(tasks[0].error) ?? ''), reason: 'overlooked' }
  }

  return { watch, describe }
})

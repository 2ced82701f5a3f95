/** Runs inside the VM, called by prelude.js: any value as text. */
/* oxlint-disable no-unused-expressions, consistent-function-scoping -- evaluated for its value, a function */
/*
 * A value that JSON can represent looks as in JSON; any other says what it is. Bounded in depth and length, calls no
 * getter, and never throws, whatever it is given.
 */
;(function () {
  'use strict'
  const { stringify } = JSON
  const MAX_DEPTH = 12
  const MAX_LENGTH = 1024 * 1024
  const MAX_INNER_ERRORS = 16

  /** A string as it is, any other value as text of about a megabyte at most. */
  const inspect = (value) => {
    if (typeof value === 'string') return value
    try {
      return render(value, { left: MAX_LENGTH, path: new Set() }, '')
    } catch {
      return '[cannot be shown]'
    }
  }

  /** `path`: the objects around the value. `left`: how much more text may follow. */
  const render = (value, state, indent) => {
    if (state.left <= 0) return '…'
    const text =
      typeof value === 'object' && value !== null ? within(value, state, indent) : simple(value, state)
    return text
  }

  const spend = (text, state) => {
    state.left -= text.length
    return text
  }

  const simple = (value, state) => {
    if (typeof value === 'string') {
      const isCut = value.length > state.left
      return spend(`${stringify(isCut ? value.slice(0, state.left) : value)}${isCut ? '…' : ''}`, state)
    }
    if (typeof value === 'bigint') return spend(`${value}n`, state)
    if (typeof value !== 'function') return spend(String(value), state)
    const name = Object.getOwnPropertyDescriptor(value, 'name')?.value
    return spend(typeof name === 'string' && name ? `[function ${name}]` : '[function]', state)
  }

  const within = (value, state, indent) => {
    if (state.path.has(value)) return spend('[seen above]', state)
    if (state.path.size >= MAX_DEPTH) return spend(Array.isArray(value) ? '[array]' : '[object]', state)
    state.path.add(value)
    try {
      return object(value, state, indent)
    } catch {
      return spend('[cannot be shown]', state)
    } finally {
      state.path.delete(value)
    }
  }

  const object = (value, state, indent) => {
    const deeper = `${indent}  `
    const show = (inner) => render(inner, state, deeper)
    if (value instanceof Error) return error(value, state, indent)
    if (value instanceof Date)
      return spend(Number.isNaN(+value) ? 'Invalid Date' : stringify(value.toISOString()), state)
    if (value instanceof RegExp) return spend(RegExp.prototype.toString.call(value), state)
    if (value instanceof Map) return `Map(${value.size}) ${list('{}', pairs(value, show), state, indent)}`
    if (value instanceof Set) return `Set(${value.size}) ${list('{}', each(value, show), state, indent)}`
    if (Array.isArray(value)) return list('[]', each(value, show), state, indent)
    if (ArrayBuffer.isView(value) && !(value instanceof DataView))
      return `${nameOf(value)}(${value.length}) ${list('[]', each(value, show), state, indent)}`
    if (value instanceof ArrayBuffer) return spend(`ArrayBuffer(${value.byteLength})`, state)
    if (typeof value.toJSON === 'function') return render(value.toJSON(), state, indent)
    const name = nameOf(value)
    return `${name ? `${name} ` : ''}${list('{}', fields(value, show), state, indent)}`
  }

  function* each(values, show) {
    for (const value of values) yield () => show(value)
  }
  function* pairs(map, show) {
    for (const [key, value] of map) yield () => `${show(key)} => ${show(value)}`
  }
  function* fields(value, show, except = []) {
    for (const key of Reflect.ownKeys(value)) {
      const found = Object.getOwnPropertyDescriptor(value, key)
      if (!found?.enumerable || except.includes(key)) continue
      const name = typeof key === 'string' ? stringify(key) : `[${String(key)}]`
      yield () => `${name}: ${'value' in found ? show(found.value) : '[getter]'}`
    }
  }

  /** As `JSON.stringify` sets lists, two spaces deeper for each. */
  const list = ([open, close], items, state, indent) => {
    const lines = []
    for (const item of items) {
      if (state.left <= 0) {
        lines.push('…')
        break
      }
      // The text around each item counts too, or a list of empty items could be endless.
      state.left -= indent.length + 4
      lines.push(item())
    }
    if (lines.length === 0) return `${open}${close}`
    return `${open}\n${lines.map((line) => `${indent}  ${line}`).join(',\n')}\n${indent}${close}`
  }

  /** The name of the class, where it is not a plain object. */
  const nameOf = (value) => {
    const prototype = Object.getPrototypeOf(value)
    if (prototype === null || prototype === Object.prototype) return ''
    const name = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value?.name
    return typeof name === 'string' ? name.slice(0, 256) : ''
  }

  /** `TypeError: not that` */
  const headOf = (value) => {
    const [name, message] = [String(value.name), String(value.message)]
    return message ? `${name}: ${message}` : name
  }

  const SHOWN = ['name', 'message', 'stack', 'cause', 'errors']
  const error = (value, state, indent) => {
    const head = headOf(value)
    const stack = typeof value.stack === 'string' ? value.stack.trimEnd() : ''
    const whole = stack.startsWith(head) || !stack ? stack || head : `${head}\n${stack}`
    const lines = [spend(whole.slice(0, state.left).replaceAll('\n', `\n${indent}`), state)]
    const show = (inner) => render(inner, state, `${indent}  `)
    const own = list('{}', fields(value, show, SHOWN), state, indent)
    if (own !== '{}') lines[0] += ` ${own}`
    const inner = innerOf(value)
    for (const one of inner.errors) lines.push(`${indent}  error: ${show(one)}`)
    if (inner.hasCause) lines.push(`${indent}  cause: ${show(inner.cause)}`)
    return lines.join('\n')
  }

  /** The cause and the inner errors of an error, as far as they can be read without calling a getter. */
  const innerOf = (value) => {
    const cause = Object.getOwnPropertyDescriptor(value, 'cause')
    const errors = Object.getOwnPropertyDescriptor(value, 'errors')?.value
    return {
      hasCause: cause !== undefined && 'value' in cause,
      cause: cause?.value,
      errors: Array.isArray(errors) ? errors.slice(0, MAX_INNER_ERRORS) : [],
    }
  }

  /** An error in one line, with its causes and inner errors. */
  const brief = (value, depth = 0) => {
    if (!(value instanceof Error)) return inspect(value).slice(0, 256)
    const { errors, hasCause, cause } = innerOf(value)
    const head = headOf(value)
    if (depth === 4) return head
    const of = errors.length > 0 ? ` [${errors.map((one) => brief(one, depth + 1)).join('; ')}]` : ''
    return `${head}${of}${hasCause ? `; caused by ${brief(cause, depth + 1)}` : ''}`
  }

  return { inspect, brief, innerOf }
})

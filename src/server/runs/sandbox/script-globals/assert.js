/** Runs inside the VM, called by prelude.js: `assert`, as strict as that of Node.js is in its strict mode. */
/* oxlint-disable no-unused-expressions, consistent-function-scoping -- evaluated for its value, a function */
/* `inspect(value)` → text; `same(a, b)`: deep-equal.js. */
;(function (inspect, same) {
  'use strict'
  class AssertionError extends Error {
    code = 'ERR_ASSERTION'
    constructor({ message, ...details }) {
      super(message)
      Object.assign(this, details)
    }
    get name() {
      return 'AssertionError'
    }
  }

  /** Strings are shown without quotes. */
  const show = (value) => inspect(value).slice(0, 4096)
  /** @param details `actual`, `expected`, `operator` */
  const claim = (holds, message, otherwise, details) => {
    if (holds) return
    if (message instanceof Error) throw message
    throw new AssertionError({ message: message === undefined ? otherwise() : String(message), ...details })
  }
  const compare = (operator, holds, otherwise) => (actual, expected, message) =>
    claim(holds(actual, expected), message, () => otherwise(show(actual), show(expected)), {
      actual,
      expected,
      operator,
    })
  const wanted = (actual, expected) => `expected ${expected}, got ${actual}`
  const unwanted = (_actual, expected) => `expected anything but ${expected}`

  const assert = (value, message) =>
    claim(value, message, () => `expected a true value, got ${show(value)}`, {
      actual: value,
      expected: true,
      operator: '==',
    })
  const equal = compare('strictEqual', Object.is, wanted)
  const notEqual = compare('notStrictEqual', (a, b) => !Object.is(a, b), unwanted)
  const deepEqual = compare('deepStrictEqual', same, wanted)
  const notDeepEqual = compare('notDeepStrictEqual', (a, b) => !same(a, b), unwanted)

  const takesPattern = (pattern) => {
    if (!(pattern instanceof RegExp)) throw new TypeError('the pattern has to be a regular expression')
  }
  /** A copy of the pattern starts at the beginning of the text, whatever the pattern has matched before. */
  const matches = (text, pattern) => {
    takesPattern(pattern)
    return typeof text === 'string' && new RegExp(pattern).test(text)
  }

  const isClass = (expected) => expected === Error || expected.prototype instanceof Error

  /** @throws AssertionError where the thrown value is not as expected; and what an `expected` function throws */
  const fits = (thrown, expected, message) => {
    if (expected === undefined) return
    const details = { actual: thrown, expected, operator: 'throws' }
    const check = (holds, what) => claim(holds, message, () => `${what}, got ${show(thrown)}`, details)
    if (expected instanceof RegExp)
      return check(new RegExp(expected).test(String(thrown)), `expected an error that matches ${expected}`)
    if (typeof expected === 'object' && expected !== null)
      return check(hasAll(thrown, expected), `expected ${show(expected)}`)
    if (typeof expected !== 'function')
      throw new TypeError('what is expected has to be a regular expression, a class, a function or an object')
    if (expected.prototype !== undefined && thrown instanceof expected) return undefined
    if (isClass(expected)) return check(false, `expected an error of ${expected.name}`)
    return check(expected(thrown) === true, 'expected an error that the function accepts')
  }

  /** An expected error must agree in name and message, too. */
  const hasAll = (thrown, expected) => {
    if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return false
    const keys = new Set(Object.keys(expected))
    if (expected instanceof Error) for (const key of ['name', 'message']) keys.add(key)
    return [...keys].every((key) =>
      expected[key] instanceof RegExp && typeof thrown[key] === 'string'
        ? new RegExp(expected[key]).test(thrown[key])
        : key in thrown && same(thrown[key], expected[key]),
    )
  }

  /** A string is the message, as an error cannot be compared with it. */
  const readExpected = (expected, message) =>
    typeof expected === 'string' ? { message: expected } : { expected, message }
  const isFunction = (run) => {
    if (typeof run !== 'function') throw new TypeError('a function is needed, to see whether it throws')
  }
  const missing = (what, { expected, message }, operator) =>
    claim(false, message, () => `expected the ${what}`, { expected, operator })
  const unwantedError = (error, { expected, message }, operator) => {
    const details = { actual: error, expected, operator }
    claim(false, message, () => `unexpected error: ${show(error)}`, details)
  }

  const throws = (run, ...more) => {
    isFunction(run)
    const given = readExpected(...more)
    let thrown
    try {
      run()
    } catch (error) {
      thrown = { error }
    }
    if (!thrown) missing('function to throw', given, 'throws')
    fits(thrown.error, given.expected, given.message)
  }
  const doesNotThrow = (run, ...more) => {
    isFunction(run)
    try {
      run()
    } catch (error) {
      unwantedError(error, readExpected(...more), 'doesNotThrow')
    }
  }
  const promiseOf = (given) => {
    const promise = typeof given === 'function' ? given() : given
    if (typeof promise?.then === 'function') return promise
    throw new TypeError('a promise is needed, or a function that gives one')
  }
  const rejects = async (promise, ...more) => {
    const given = readExpected(...more)
    const thrown = await promiseOf(promise).then(
      () => undefined,
      (error) => ({ error }),
    )
    if (!thrown) missing('promise to reject', given, 'rejects')
    fits(thrown.error, given.expected, given.message)
  }
  const doesNotReject = async (promise, ...more) => {
    try {
      await promiseOf(promise)
    } catch (error) {
      unwantedError(error, readExpected(...more), 'doesNotReject')
    }
  }

  return Object.assign(assert, {
    ok: (value, message) => assert(value, message),
    equal,
    strictEqual: equal,
    notEqual,
    notStrictEqual: notEqual,
    deepEqual,
    deepStrictEqual: deepEqual,
    notDeepEqual,
    notDeepStrictEqual: notDeepEqual,
    match: compare('match', matches, (text, pattern) => `expected a match of ${pattern}, got ${text}`),
    doesNotMatch: compare(
      'doesNotMatch',
      (text, pattern) => !matches(text, pattern),
      (text, pattern) => `expected no match of ${pattern}, got ${text}`,
    ),
    throws,
    doesNotThrow,
    rejects,
    doesNotReject,
    ifError: (value) =>
      claim(value === null || value === undefined, value, () => `unexpected value: ${show(value)}`, {
        actual: value,
        operator: 'ifError',
      }),
    fail: (message) => claim(false, message, () => 'failed', { operator: 'fail' }),
    strict: assert,
    AssertionError,
  })
})

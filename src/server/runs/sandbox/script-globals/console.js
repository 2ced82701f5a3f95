/** Runs inside the VM, called by prelude.js: the console of the script. */
/* oxlint-disable no-unused-expressions, consistent-function-scoping -- evaluated for its value, a function */
/*
 * Its clock is that of the script, which moves only with responses.
 * `write(stream, text)`, `inspect(value)` → text.
 */
;(function (write, inspect) {
  'use strict'
  const counts = new Map()
  const timers = new Map()
  let indent = ''

  const print =
    (stream) =>
    (...values) => {
      const text = values.map(inspect).join(' ')
      write(stream, `${indent ? `${indent}${text.replaceAll('\n', `\n${indent}`)}` : text}\n`)
    }
  const [log, warn] = [print('stdout'), print('stderr')]

  const group = (...label) => {
    if (label.length > 0) log(...label)
    // A deeper indent cannot be read, and would make each line longer.
    if (indent.length < 64) indent += '  '
  }
  const count = (label = 'default') => {
    const next = (counts.get(label) ?? 0) + 1
    counts.set(label, next)
    log(`${label}: ${next}`)
  }
  const elapsed = (label, then, values) => {
    const from = timers.get(label)
    if (from === undefined) {
      warn(`there is no timer "${label}"`)
      return
    }
    then()
    log(`${label}: ${Date.now() - from} ms`, ...values)
  }

  return {
    log,
    info: log,
    debug: log,
    warn,
    error: warn,
    dir: (value) => log(value),
    trace: (...values) => {
      const { stack } = new Error()
      warn(['Trace', values.map(inspect).join(' ')].filter(Boolean).join(': '))
      if (stack) warn(stack.trimEnd())
    },
    assert: (holds, ...values) => {
      if (!holds) warn('Assertion failed', ...values)
    },
    group,
    groupCollapsed: group,
    groupEnd: () => {
      indent = indent.slice(2)
    },
    count,
    countReset: (label = 'default') => void counts.delete(label),
    time: (label = 'default') => {
      if (timers.has(label)) warn(`the timer "${label}" is there already`)
      else timers.set(label, Date.now())
    },
    timeLog: (label = 'default', ...values) => elapsed(label, () => {}, values),
    timeEnd: (label = 'default') => elapsed(label, () => timers.delete(label), []),
    table: (data, only) => log(typeof data === 'object' && data !== null ? table(data, only) : data),
  }

  /** Each row has one line: a value that does not fit a cell is named. */
  function table(data, only) {
    const entries = data instanceof Map ? [...data] : Object.entries(data)
    const isRow = (value) => typeof value === 'object' && value !== null
    const columns = only ?? [...new Set(entries.flatMap(([, row]) => (isRow(row) ? Object.keys(row) : [])))]
    const hasValues = entries.some(([, row]) => !isRow(row))
    const head = ['(index)', ...columns, ...(hasValues ? ['Values'] : [])].map(String)
    const cells = ([key, row]) => {
      const own = columns.map((column) => (isRow(row) && Object.hasOwn(row, column) ? cell(row[column]) : ''))
      if (hasValues) own.push(isRow(row) ? '' : cell(row))
      return [String(key), ...own]
    }
    const rows = entries.map(cells)
    const widths = head.map((name, at) =>
      rows.reduce((width, row) => Math.max(width, row[at].length), name.length),
    )
    const rule = (left, middle, right) =>
      `${left}${widths.map((width) => '─'.repeat(width + 2)).join(middle)}${right}`
    const line = (row) => `│${row.map((text, at) => ` ${text.padEnd(widths[at])} `).join('│')}│`
    return [
      rule('┌', '┬', '┐'),
      line(head),
      rule('├', '┼', '┤'),
      ...rows.map(line),
      rule('└', '┴', '┘'),
    ].join('\n')
  }

  function cell(value) {
    if (Array.isArray(value)) return '[array]'
    const text = typeof value === 'string' ? JSON.stringify(value) : inspect(value)
    return text.includes('\n') ? '[object]' : text.slice(0, 256)
  }
})

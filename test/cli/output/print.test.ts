/** Printed lists, records and messages: tables, TSV and JSON, and text that cannot control the terminal. */
import { describe, expect, test } from 'bun:test'
import { Fault } from '../../../src/contract/fault.ts'
import { nearest } from '../../../src/contract/nearest-word.ts'
import { openContext } from '../../../src/cli/client/command-context.ts'
import { renderFault } from '../../../src/cli/output/render-fault.ts'
import { printList, printRecord } from '../../../src/cli/output/print.ts'
import { printable } from '../../../src/platform/terminal/make-text-printable.ts'
import { parseKeyValues } from '../../../src/cli/parsing/key-value-arguments.ts'
import { fakeDeps } from '../../support/client/fake-deps.ts'
import { fakeIo } from '../../support/client/fake-io.ts'
import { invocationOf } from '../../support/client/invocation.ts'

const rows = [
  { id: '1', name: 'deploy' },
  { id: '22', name: 'a\tb\u001b[2J' },
]
const columns = [
  { title: 'id', cell: (row: (typeof rows)[number]) => row.id },
  { title: 'name', cell: (row: (typeof rows)[number]) => row.name },
]

describe('lists', () => {
  test('a table has a heading and aligned columns', () => {
    const io = fakeIo()
    printList(io, 'table', rows.slice(0, 1), columns)
    expect(io.out()).toBe('ID  NAME\n1   deploy\n')
  })

  test('tsv has no heading, and no cell can break a row or drive the terminal', () => {
    const io = fakeIo()
    printList(io, 'tsv', rows, columns)
    expect(io.out()).toBe('1\tdeploy\n22\ta b\ufffd[2J\n')
  })

  test('JSON is the rows as they are; an empty list is []', () => {
    const io = fakeIo()
    printList(io, 'json', rows, columns)
    printList(io, 'json', [], columns)
    expect(io.out()).toBe(`${JSON.stringify(rows)}\n[]\n`)
  })

  test('a record is name and value', () => {
    const io = fakeIo()
    printRecord(io, 'table', {}, [
      ['id', '1'],
      ['name', 'x'],
    ])
    expect(io.out()).toBe('id:   1\nname: x\n')
  })

  test.each([
    ['table', 'task x status\ufffd]52;: failed\nby:                 ada\n'],
    ['tsv', 'task x status\ufffd]52;\tfailed\nby\tada\n'],
  ] as const)('a name in a record as %s breaks no line and drives no terminal', (format, said) => {
    const io = fakeIo({ terminal: true })
    printRecord(io, format, {}, [
      ['task x\nstatus\u001b]52;', 'failed'],
      ['by', 'ada'],
    ])
    expect(io.out()).toBe(said)
  })
})

describe('what goes to stderr', () => {
  test('talk is one line that cannot drive a terminal', async () => {
    const deps = fakeDeps({ terminal: true })
    const { globals } = await invocationOf({}, [])
    const { say } = await openContext(deps, globals)
    say('Run run_1\u001b]52;c;\u0007\nforged')
    expect(deps.io.err()).toBe('Run run_1\ufffd]52;c;\ufffd forged\n')
  })

  test('a fault keeps its lines, and nothing in them drives a terminal', () => {
    const fault = new Fault('failed', 'two\nlines of a\u009bb', { hint: '  ^ \u001b[2J' })
    expect(renderFault(fault, 'text')).toBe('fob: two\nlines of a\ufffdb\nhint:   ^ \ufffd[2J\n')
    expect(renderFault(fault, 'json')).toContain(String.raw`"two\nlines of a\u009bb","hint":"  ^ \u001b[2J"`)
  })
})

test.each([
  ['plain', 'plain'],
  ['a\nb', 'a b'],
  ['\u001b]0;title\u0007', '\ufffd]0;title\ufffd'],
  ['\u009b31m', '\ufffd31m'],
])('printable(%j) cannot drive a terminal', (text, safe) => expect(printable(text)).toBe(safe))

test.each([
  ['lgoin', ['login', 'logout'], 'login'],
  ['serer', ['server', 'secrets'], 'server'],
  ['xyzzy', ['login', 'logout'], undefined],
  ['', ['a'], 'a'],
])('nearest(%j) of %j is %p', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected as string)
})

describe('KEY=VALUE', () => {
  test('the value may hold "=", and the last of a key wins', () => {
    expect([...parseKeyValues(['A=1=2', 'A=3', 'B='], '-e')]).toEqual([
      ['A', '3'],
      ['B', ''],
    ])
  })

  test.each(['=x', 'noequals', '9A=hunter2', 'a-b=hunter2'])('%j is refused without its value', (pair) => {
    expect(() => parseKeyValues([pair], '-e')).toThrow(/^-e/)
    expect(() => parseKeyValues([pair], '-e')).not.toThrow(/hunter2/)
  })
})

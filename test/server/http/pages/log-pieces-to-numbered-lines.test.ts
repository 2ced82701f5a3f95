/** Pieces of output as numbered, coloured lines of the run page. */
import { describe, expect, test } from 'bun:test'
import { toLines } from '../../../../src/server/http/pages/log-pieces-to-numbered-lines.ts'
import type { EarlierLines, LogPiece } from '../../../../src/server/runs/log/read-log-backwards.ts'

const piece = (data: string, task?: string, stream: LogPiece['stream'] = 'stdout'): LogPiece => ({
  task,
  stream,
  data,
})
const START = { count: 0, open: new Set<string>() }
const said = (pieces: LogPiece[]) =>
  toLines(pieces, START).map(
    ({ task = '', stream, parts }) =>
      `${task}${stream === 'stderr' ? '!' : ''} ${parts.map(({ text }) => text).join('')}`,
  )

const numbers = (pieces: LogPiece[], before: EarlierLines | undefined) =>
  toLines(pieces, before).map(({ number }) => number)

describe('pieces of output as lines', () => {
  test.each<[string, LogPiece[], string[]]>([
    ['nothing', [], []],
    ['one line in pieces', [piece('a'), piece('b\n')], [' ab']],
    ['a line without an end', [piece('a\nb')], [' a', ' b']],
    ['empty lines', [piece('\n\n')], [' ', ' ']],
    ['Windows line ends', [piece('a\r\nb\r\n')], [' a', ' b']],
    [
      'tasks side by side, each with a line of its own under way',
      [piece('a1', 'a'), piece('b1\n', 'b'), piece('a2\n', 'a'), piece('e\n', 'a', 'stderr')],
      ['a a1a2', 'b b1', 'a! e'],
    ],
    ['a progress bar, as it stood last', [piece('10 %\r50 %\r100 %\n')], [' 100 %']],
    ['colours', [piece('\u001b[1;31mred\u001b[0m and \u001b[38;5;9mmore\n')], [' red and more']],
    ['a colour cut in two', [piece('\u001b[3'), piece('1mred\n')], [' red']],
    [
      'a window title and a link',
      [piece('\u001b]0;title\u0007\u001b]8;;https://x\u001b\\text\u001b]8;;\u001b\\\n')],
      [' text'],
    ],
    ['cursor games', [piece('\u001b[2J\u001b[1;1Hx\u001bcy\u0008z\n')], [' xyz']],
    ['markup, which stays text', [piece('<script>\n')], [' <script>']],
    ['tabs', [piece('a\tb\n')], [' a\tb']],
  ])('%s', (_name, pieces, lines) => {
    expect(said(pieces)).toEqual(lines)
  })

  test('have numbers, which go on from what came before', () => {
    const pieces = [piece('a\nb', 'a'), piece('x\n', 'b'), piece('c\nd\n', 'a')]
    expect(numbers(pieces, START)).toEqual([1, 2, 3, 4])
    // The first is the rest of a line that has its number on the page before.
    expect(numbers(pieces, { count: 10, open: new Set(['stdout  a']) })).toEqual([undefined, 11, 12, 13])
    expect(numbers(pieces, undefined)).toEqual([undefined, undefined, undefined, undefined])
  })

  test('of an attempt do not go on with a line that the attempt before left without an end', () => {
    const pieces = [piece('a'), { ...piece('b\nc\n'), startsAttempt: 2 }]
    expect(said(pieces)).toEqual([' a', ' b', ' c'])
    expect(toLines(pieces, START).map(({ number, startsAttempt }) => [number, startsAttempt])).toEqual([
      [1, undefined],
      [2, 2],
      [3, undefined],
    ])
  })

  test('keep their colours', () => {
    const [line] = toLines([piece('a \u001b[31mred\u001b[0m\n')], START)
    expect(line?.parts).toEqual([
      { text: 'a ', classes: [] },
      { text: 'red', classes: ['ansi-red'] },
    ])
  })
})

import { describe, expect, test } from 'bun:test'
import { toLines } from '../../../src/server/http/log-lines.ts'
import type { LogPiece } from '../../../src/server/runs/log-page.ts'

const piece = (data: string, task?: string, stream: LogPiece['stream'] = 'stdout'): LogPiece => ({
  task,
  stream,
  data,
})
const said = (pieces: LogPiece[]) =>
  toLines(pieces).map(({ task = '', stream, text }) => `${task}${stream === 'stderr' ? '!' : ''} ${text}`)

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
})

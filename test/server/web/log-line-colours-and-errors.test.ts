/** Log lines on the run page: coloured stretches, and the first error of a log. */
import { describe, expect, test } from 'bun:test'
import {
  type ErrorLine,
  firstError,
  plain,
  stretches,
} from '../../../src/server/web/log-line-colours-and-errors.ts'

/** `1! text`: of task 1, on stderr; `- text`: of the script. */
function line(text: string): ErrorLine & { text: string } {
  const [, of = '', mark, raw = ''] = /^(\d+|-)(!?) (.*)$/s.exec(text) ?? []
  return { of: of === '-' ? undefined : of, stream: mark === '!' ? 'stderr' : 'stdout', raw, text }
}

describe('the first error of a log', () => {
  test.each<[string, string[], [string, string][], string | undefined]>([
    ['nothing went wrong', ['1 fine'], [['1', 'success']], undefined],
    [
      'of the task that failed, not of one that passed before it',
      ['1 an error, or not', '2 begins', '2 FAIL: the test x'],
      [
        ['1', 'success'],
        ['2', 'failure'],
      ],
      '2 FAIL: the test x',
    ],
    [
      'what looks like one comes before other words on stderr',
      ['1! cloning', '1 panic: x'],
      [['1', 'failure']],
      '1 panic: x',
    ],
    ['else the first on stderr', ['1 a', '1! why', '1! more'], [['1', 'failure']], '1! why'],
    [
      'else the last line',
      ['1 a', '1 b', '2 c'],
      [
        ['1', 'failure'],
        ['2', 'success'],
      ],
      '1 b',
    ],
    [
      'the task that failed first',
      ['1 error: 1', '2 error: 2'],
      [
        ['2', 'failure'],
        ['1', 'failure'],
      ],
      '2 error: 2',
    ],
    [
      'one that was cut off comes after one that failed',
      ['1 error: 1', '2 b'],
      [
        ['1', 'abort'],
        ['2', 'error'],
      ],
      '2 b',
    ],
    [
      'a task that failed without a word',
      ['1 error: 1', '- error: x'],
      [
        ['1', 'success'],
        ['2', 'failure'],
      ],
      '- error: x',
    ],
    ['the script, where no task failed', ['1 error: 1', '- it failed'], [['1', 'success']], '- it failed'],
    ['the script on stderr', ['1 error: 1', '-! alas'], [['1', 'success']], '-! alas'],
    [
      'a task that goes on',
      ['1 error: 1', '2 error: 2'],
      [
        ['1', 'success'],
        ['2', 'running'],
      ],
      '2 error: 2',
    ],
    ['last of all, a task that passed', ['1 error: 1'], [['1', 'success']], '1 error: 1'],
    ['names of errors', ['1 a', '1 TypeError: x'], [['1', 'failure']], '1 TypeError: x'],
    ['none, and none at all', ['1 no error here', '1 0 failures', '1 b'], [['1', 'failure']], '1 b'],
    [
      'through colours',
      ['1 a', '1 \u001b[31merr\u001b[1mor\u001b[0m: x', '1 b'],
      [['1', 'failure']],
      '1 \u001b[31merr\u001b[1mor\u001b[0m: x',
    ],
  ])('%s', (_name, lines, tasks, found) => {
    expect(firstError(lines.map(line), tasks)?.text).toBe(found)
  })
})

const shown = (raw: string) =>
  stretches(raw).map(({ text, classes }) =>
    [text, ...classes.map((name) => name.replace('ansi-', ''))].join(' '),
  )

describe('the stretches of a line', () => {
  test.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['no colour', 'a\tb', ['a\tb']],
    ['bold and red, then no more', '\u001b[1;31ma\u001b[0mb', ['a bold red', 'b']],
    ['an empty parameter, which is 0', '\u001b[31ma\u001b[mb', ['a red', 'b']],
    [
      'one aspect after the other goes',
      '\u001b[1;3;4;32ma\u001b[22;23;24;39mb',
      ['a bold italic underline green', 'b'],
    ],
    ['a wavy line is a line, and no italics', '\u001b[4:3ma\u001b[4:0mb', ['a underline', 'b']],
    ['bright colours', '\u001b[90ma\u001b[91mb', ['a grey', 'b red']],
    [
      '256 colours: the first sixteen',
      '\u001b[38;5;1ma\u001b[38;5;12mb\u001b[38;5;8mc',
      ['a red', 'b blue', 'c grey'],
    ],
    [
      '256 colours: the cube and greys',
      '\u001b[38;5;208ma\u001b[38;5;46mb\u001b[38;5;240mc\u001b[38;5;255md',
      ['a yellow', 'b green', 'c grey', 'd white'],
    ],
    ['256 colours that are none', '\u001b[38;5;256ma\u001b[38;5mb', ['a', 'b']],
    [
      'true colours',
      '\u001b[38;2;255;0;0ma\u001b[38;2;30;60;220mb\u001b[38;2;200;0;200mc',
      ['a red', 'b blue', 'c magenta'],
    ],
    [
      'with colons, with and without a colour space',
      '\u001b[38:2::0:200:200ma\u001b[38:2:0:200:0mb\u001b[38:5:9mc',
      ['a cyan', 'b green', 'c red'],
    ],
    [
      'what follows a colour counts',
      '\u001b[38;2;255;0;0;1ma\u001b[0;38;5;2;4mb',
      ['a bold red', 'b underline green'],
    ],
    [
      'a ground goes before a colour',
      '\u001b[37;41ma\u001b[49mb\u001b[48;5;21mc\u001b[102md',
      ['a on-red', 'b white', 'c on-blue', 'd on-green'],
    ],
    ['reverse', '\u001b[7ma\u001b[31mb\u001b[27mc', ['a on-reverse', 'b on-red', 'c red']],
    ['the colour of a line below is taken by no one', '\u001b[58;5;1ma\u001b[58:2::1:2:3mb', ['a', 'b']],
    ['codes that are none', '\u001b[99999;1000ma\u001b[38;7;1mb', ['a', 'b']],
  ])('%s', (_name, raw, parts) => {
    expect(shown(raw)).toEqual(parts)
    expect(plain(raw)).toBe(
      stretches(raw)
        .map(({ text }) => text)
        .join(''),
    )
  })
})

import { describe, expect, test } from 'bun:test'
import { type ErrorLine, firstError } from '../../../src/server/web/log-text.ts'

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

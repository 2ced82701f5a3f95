/** The output of several tasks on one screen: names, whole lines, and colours that do not leak. */
import { describe, expect, test } from 'bun:test'
import { createTaskLogPrinter } from '../../../src/platform/terminal/task-log-printer.ts'

type Step = ['begin' | 'end', string] | ['out' | 'err', string, string] | ['break'] | ['over']

/** `name/3` is task 3 of that name, `-` the script. */
const task = (id: string) => {
  const [name = '', number] = id.split('/')
  return { name, number: number === undefined ? name.charCodeAt(0) : Number(number) }
}

/** What comes of it: stdout, then stderr. */
function printed(steps: Step[], isTerminal = false) {
  const text = { stdout: '', stderr: '', screen: '' }
  const lines = createTaskLogPrinter({
    isTerminal: { stdout: isTerminal, stderr: isTerminal },
    isShared: isTerminal,
    write(stream, piece) {
      text[stream] += piece
      text.screen += piece
    },
  })
  for (const [what, id = '', data = ''] of steps) {
    if (what === 'begin') lines.started(task(id))
    else if (what === 'end') lines.ended(task(id))
    else if (what === 'break') lines.breakLine()
    else if (what === 'over') lines.end()
    else lines.output(id === '-' ? undefined : task(id), what === 'out' ? 'stdout' : 'stderr', data)
  }
  return text
}

const TWO: Step[] = [
  ['begin', 'a'],
  ['begin', 'b'],
]

describe('what tasks print', () => {
  test.each<[string, Step[], string, string]>([
    [
      'one task at a time stays as it is, piece by piece and over both streams',
      [
        ['out', '-', 'script\n'],
        ['begin', 'a'],
        ['out', 'a', '10 %\r'],
        ['out', 'a', '20'],
        ['err', 'a', 'x\r\n'],
        ['break'],
        ['out', 'a', ' %\n'],
        ['end', 'a'],
        ['break'],
        ['begin', 'b'],
        ['out', 'b', '\u001b[31mred\n\u001b[0m'],
        ['end', 'b'],
        ['out', '-', 'end\n'],
        ['over'],
      ],
      'script\n10 %\r20 %\n\u001b[31mred\n\u001b[0mend\n',
      'x\r\n',
    ],
    [
      'two at once have their names and whole lines',
      [
        ...TWO,
        ['out', 'a', 'A-begin '],
        ['out', 'b', 'B-begin '],
        ['out', 'b', 'B-end\n'],
        ['out', 'a', 'A-end\n'],
      ],
      'b | B-begin B-end\na | A-begin A-end\n',
      '',
    ],
    [
      'streams have lines of their own',
      [...TWO, ['out', 'a', 'one '], ['err', 'a', 'two '], ['out', 'a', 'line\n\n'], ['err', 'a', 'lines\n']],
      'a | one line\na | \n',
      'a | two lines\n',
    ],
    [
      'the name stays until the task ends, and the next has none',
      [...TWO, ['end', 'b'], ['out', 'a', 'x\n'], ['end', 'a'], ['begin', 'c'], ['out', 'c', 'y\n']],
      'a | x\ny\n',
      '',
    ],
    [
      'a line that was under way when the second began ends there',
      [
        ['begin', 'a'],
        ['out', 'a', 'begun '],
        ['begin', 'b'],
        ['out', 'a', 'ended\n'],
      ],
      'begun \na | ended\n',
      '',
    ],
    [
      'last words without a line end are not lost',
      [...TWO, ['out', 'a', 'abc'], ['end', 'a'], ['out', 'b', 'def'], ['over']],
      'a | abc\nb | def\n',
      '',
    ],
    [
      'also of one alone',
      [
        ['begin', 'a'],
        ['out', 'a', 'abc'],
        ['end', 'a'],
        ['begin', 'b'],
        ['err', 'b', 'def'],
        ['over'],
        ['over'],
      ],
      'abc\n',
      'def\n',
    ],
    [
      'the script does not go on in the line of a task',
      [
        ['begin', 'a'],
        ['out', 'a', 'abc'],
        ['out', '-', 'script\n'],
        ['out', 'a', 'def\n'],
      ],
      'abc\nscript\ndef\n',
      '',
    ],
    [
      'of a progress bar the last state remains',
      [
        ...TWO,
        ['out', 'a', '10 %\r20 %\r'],
        ['out', 'a', '30 %\r'],
        ['out', 'a', '\n'],
        ['out', 'a', 'x\r'],
        ['out', 'a', '\ny\r'],
        ['end', 'a'],
      ],
      'a | 30 %\na | x\na | y\n',
      '',
    ],
    [
      'tasks of one name are told apart',
      [
        ['begin', 'sh/1'],
        ['begin', 'sh/2'],
        ['out', 'sh/2', 'x\n'],
        ['out', 'sh/1', 'y\n'],
      ],
      'sh (2) | x\nsh | y\n',
      '',
    ],
    [
      'tasks whose beginning was not seen',
      [
        ['out', 'a', 'x\n'],
        ['out', 'b', 'y\n'],
        ['out', 'a', 'z\n'],
      ],
      'x\nb | y\na | z\n',
      '',
    ],
    [
      'a name that would drive a terminal',
      [
        ['begin', 'a\u001b[2J/1'],
        ['begin', 'b'],
        ['out', 'a\u001b[2J/1', 'x\n'],
      ],
      'a\ufffd[2J | x\n',
      '',
    ],
  ])('%s', (_name, steps, stdout, stderr) => {
    expect(printed(steps)).toMatchObject({ stdout, stderr })
  })

  test('on a screen, where both streams stand, nothing goes on in a line of another', () => {
    const { screen } = printed(
      [['begin', 'a'], ['out', 'a', 'abc'], ['break'], ['err', '-', 'script\n'], ['out', 'a', 'def\n']],
      true,
    )
    expect(screen).toBe('abc\nscript\ndef\n')
  })

  test('on a screen, a line of both streams is one line', () => {
    const { screen } = printed(
      [
        ['begin', 'a'],
        ['out', 'a', 'abc '],
        ['err', 'a', 'def\n'],
        ['out', '-', 'script\n'],
      ],
      true,
    )
    expect(screen).toBe('abc def\nscript\n')
  })

  test('on a screen, half a colour of one task swallows nothing of another, and none runs on', () => {
    const { screen } = printed(
      [...TWO, ['out', 'a', 'x\u001b[3'], ['out', 'b', 'whole\n'], ['out', 'a', '1mred\n']],
      true,
    )
    expect(screen).toBe('b | whole\na | x\u001b[31mred\u001b[0m\n')
  })

  test('a log that ends in concealed or coloured text is reset before anything else is printed', () => {
    const steps: Step[] = [
      ['begin', 'a'],
      ['out', 'a', 'x\u001b[8mhidden\n'],
      ['break'],
      ['out', 'a', 'still\u001b[0m seen\n'],
      ['end', 'a'],
      ['out', '-', 'script \u001b[1m\u001b[31m'],
      ['break'],
      ['out', '-', 'bold and red\n'],
    ]
    expect(printed(steps, true).screen.split('\n')).toEqual([
      'x\u001b[8mhidden',
      '\u001b[0m\u001b[8mstill\u001b[0m seen',
      'script \u001b[1m\u001b[31m\u001b[0m',
      '\u001b[1m\u001b[31mbold and red',
      '\u001b[0m',
    ])
    expect(printed(steps).stdout).not.toContain('\u001b[0m\u001b[8m')
  })

  test('on a screen nothing is printed over, by one task or by several', () => {
    const over = 'rm -rf /\recho safe\n'
    expect(
      printed(
        [
          ['begin', 'a'],
          ['out', 'a', over],
        ],
        true,
      ).screen,
    ).toBe('rm -rf /\u240d\necho safe\n')
    expect(printed([...TWO, ['out', 'a', over]], true).screen).toBe('a | rm -rf /\u240d\na | echo safe\n')
  })

  test('a line without an end is broken, and not kept', () => {
    const piece = 'x'.repeat(10_000)
    const endless: Step[] = Array.from({ length: 100 }, () => ['out', 'a', piece])
    const { stdout } = printed([...TWO, ...endless])
    expect(stdout.length).toBeGreaterThan(980_000)
    expect(
      stdout
        .split('\n')
        .slice(0, -1)
        .every((line) => line.startsWith('a | x')),
    ).toBe(true)
    const bar: Step[] = Array.from({ length: 1000 }, () => ['out', 'a', `\r${'#'.repeat(1000)}`])
    expect(printed([...TWO, ...bar, ['end', 'a']]).stdout).toBe(`a | ${'#'.repeat(1000)}\n`)
  })
})

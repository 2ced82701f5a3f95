/** `safeLine`: text from others as one line that cannot control a terminal. */
import { describe, expect, test } from 'bun:test'
import { safeLine } from '../../../src/platform/terminal/make-text-printable.ts'

describe('safeLine', () => {
  test.each([
    ['plain', 'plain'],
    ['two\r\nlines\tand tab', 'two lines and tab'],
    ['\u001b[31mred\u001b[0m', '\ufffd[31mred\ufffd[0m'],
    ['right\u202eto left', 'right\ufffdto left'],
    ['  blanks  ', 'blanks'],
    ['x'.repeat(2000), `${'x'.repeat(300)}…`],
  ])('%j becomes %j', (text, line) => {
    expect(safeLine(text)).toBe(line)
  })
})

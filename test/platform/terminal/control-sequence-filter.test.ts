/** The filter of a log for the terminal: only text, line ends, tabs and colours pass. */
import { describe, expect, test } from 'bun:test'
import { terminalFilter } from '../../../src/platform/terminal/control-sequence-filter.ts'

describe('a log on a terminal', () => {
  const cases: [string, string][] = [
    ['plain\tText\r\n', 'plain\tText\r\n'],
    [
      '\u001b[31mred\u001b[0m \u001b[38;5;12mblue\u001b[m',
      '\u001b[31mred\u001b[0m \u001b[38;5;12mblue\u001b[m',
    ],
    ['a\u001b[2Jb\u001b[1;1Hc\u001b[?1049hd', 'abcd'],
    ['a\u001b]0;title\u0007b', 'ab'],
    ['a\u001b]52;c;cGF3bmVk\u001b\\b', 'ab'],
    ['a\u001bcb\u001b7c', 'abc'],
    ['a\u0007\u0008b\u009b2Jc', 'ab2Jc'],
    ['a\u001bP1$r\u001b\\b', 'ab'],
    // Nothing is assembled out of what is left when a control character in the middle is dropped.
    ['\u001b[2\u0001J\u001b]0;owned\u001b[0m', 'J\u001b[0m'],
    ['\u001b[2\nJ', '\nJ'],
    ['\u001b[?1049\u0000h', 'h'],
    ['\u001b\u001b[31m', '\u001b[31m'],
    ['a\u007fb', 'ab'],
    // What would be written over, or read in another order, is made visible.
    ['rm -rf /\recho safe\n', 'rm -rf /\u240d\necho safe\n'],
    ['\r\r\rx\r\r\ny', '\u240d\nx\r\ny'],
    ['10 %\r\u001b[2K20 %\r\n', '10 %\u240d\n20 %\r\n'],
    ['is \u202euser\u2066 \u200fadmin\u061c', 'is <U+202E>user<U+2066> <U+200F>admin<U+061C>'],
  ]
  test.each(cases)('%j is shown as %j, whole and piece by piece', (text, shown) => {
    expect(terminalFilter().push(text)).toBe(shown)
    const filter = terminalFilter()
    expect(Array.from(text, (piece) => filter.push(piece)).join('')).toBe(shown)
  })

  test.each([
    ['plain', ''],
    ['\u001b[31mred', '\u001b[31m'],
    ['\u001b[1m\u001b[8mhidden', '\u001b[1m\u001b[8m'],
    ['\u001b[31mred\u001b[0m', ''],
    ['\u001b[31mred\u001b[m', ''],
    ['\u001b[38;5;0mblack', '\u001b[38;5;0m'],
  ])('it knows the style in which %j ends', (text, style) => {
    const filter = terminalFilter()
    filter.push(text)
    expect(filter.style()).toBe(style)
  })

  test('a style of ever more sequences stays short, and of whole ones', () => {
    const filter = terminalFilter()
    for (let i = 0; i < 1000; i++) filter.push(`\u001b[38;5;${i % 256}m`)
    expect(filter.style().length).toBeLessThanOrEqual(512)
    // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
    expect(filter.style()).toMatch(/^(?:\u001b\[38;5;\d+m)+$/)
  })

  test('whatever comes in, only text, line ends, tabs and colours come out', () => {
    const alphabet = [
      '\u001b',
      '[',
      ']',
      '0',
      ';',
      'm',
      'J',
      '\u0007',
      '\u0001',
      '\n',
      '\\',
      'P',
      '?',
      ' ',
      '\u009b',
      'x',
    ]
    let seed = 20_261_122
    const next = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31)
    // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
    const safe = /^(?:[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]|\u001b\[[0-9;:]*m)*$/
    for (let round = 0; round < 20_000; round++) {
      const text = Array.from({ length: 12 }, () => alphabet[next() % alphabet.length]).join('')
      const filter = terminalFilter()
      const shown = filter.push(text.slice(0, 5)) + filter.push(text.slice(5))
      if (!safe.test(shown)) throw new Error(`${JSON.stringify(text)} came out as ${JSON.stringify(shown)}`)
    }
  })
})

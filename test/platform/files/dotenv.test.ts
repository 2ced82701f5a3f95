/** The dotenv format: quotes, several lines, mistakes with their line, and large files. */
import { describe, expect, test } from 'bun:test'
import { parseDotenv } from '../../../src/platform/files/dotenv.ts'

describe('the dotenv form', () => {
  test.each<[string, string, Record<string, string>]>([
    ['nothing', '', {}],
    ['comments and blank lines alone', '# one\n\n  # two\n\t\n', {}],
    ['plain lines', 'A=1\nB=two words\n', { A: '1', B: 'two words' }],
    ['no line end at the end', 'A=1', { A: '1' }],
    ['white space around', '  export  A = 1  \r\n\tB=2', { A: '1', B: '2' }],
    ['an empty value', 'A=\nB=""', { A: '', B: '' }],
    ['a value with =, # and quotes inside', `A=x=y#z'"\n`, { A: `x=y#z'"` }],
    ['a comment behind a value', 'A=1 # one\nB="2" # two\nC=# all', { A: '1', B: '2', C: '' }],
    ['single quotes take all as it is', `A='$B \\n # "x"'`, { A: '$B \\n # "x"' }],
    ['double quotes have escapes', `A="a\\nb\\tc\\\\d\\"e\\$f"`, { A: 'a\nb\tc\\d"e$f' }],
    [
      'many lines in either quotes',
      `A="1\n# 2\n3"\nB='4\n\n5'\nC=6`,
      { A: '1\n# 2\n3', B: '4\n\n5', C: '6' },
    ],
    ['nothing is expanded', 'A=$HOME\nB="${HOME}`id`"', { A: '$HOME', B: '${HOME}`id`' }],
    ['the last of a key wins', 'A=1\nA=2', { A: '2' }],
    ['a byte order mark', '\uFEFFA=1', { A: '1' }],
    ['a name of an object of JavaScript', '__proto__=x', { ['__proto__']: 'x' }],
  ])('%s', (_name, text, values) => {
    const parsed = parseDotenv(text)
    expect(parsed.ok && Object.fromEntries(parsed.values)).toEqual(values)
  })

  test.each<[string, string, number, string]>([
    ['no =', 'A=1\ncanary\n', 2, 'this is not KEY=VALUE'],
    ['a key that is none', '1A=canary', 1, 'this is not KEY=VALUE'],
    ['an open quote', 'A=1\n\nB="canary\n', 3, 'a quote is not closed'],
    ['text behind a quote', `A='x' canary`, 1, 'there is text behind the closing quote'],
  ])('%s is refused with its line and without its text', (_name, text, line, problem) => {
    expect(parseDotenv(text)).toEqual({ ok: false, line, problem })
  })

  test('a large file is read at once', () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `KEY_${i}="value\n${i}" # comment`)
    const begun = performance.now()
    const parsed = parseDotenv(lines.join('\n'))
    expect(parsed.ok && parsed.values.size).toBe(20_000)
    expect(performance.now() - begun).toBeLessThan(2000)
  })
})

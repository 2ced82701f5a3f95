/** Unified diffs: applied to the first text, each yields the second, however large or different the two are. */
import { describe, expect, test } from 'bun:test'
import { lineDifference } from '../../src/platform/line-difference.ts'

/** What a reader of unified diffs makes of it. Every line that is not added has to stand where the hunk says. */
function apply(before: string, hunks: string): string {
  const lines = before.match(/[^\n]*\n|[^\n]+$/g) ?? []
  const after: string[] = []
  let at = 0
  for (const line of hunks.match(/[^\n]*\n/g) ?? []) {
    const head = /^@@ -(\d+),(\d+) /.exec(line)
    if (head !== null) {
      const start = Number(head[1]) - (head[2] === '0' ? 0 : 1)
      after.push(...lines.slice(at, start))
      at = start
    } else if (line.startsWith('\\')) after[after.length - 1] = after.at(-1)?.replace(/\n$/, '') ?? ''
    else if (line.startsWith('+')) after.push(line.slice(1))
    else {
      if (lines[at]?.replace(/\n$/, '') !== line.slice(1, -1)) throw new Error(`line ${at + 1} is another`)
      if (line.startsWith(' ')) after.push(lines[at] ?? '')
      at += 1
    }
  }
  return [...after, ...lines.slice(at)].join('')
}

const numbered = (word: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${word}${i}\n`).join('')

describe('a difference of lines', () => {
  test.each<[string, string, string, { added: number; removed: number }]>([
    ['a changed line', 'a\nb\nc\n', 'a\nx\nc\n', { added: 1, removed: 1 }],
    ['all of it new', '', 'a\nb\n', { added: 2, removed: 0 }],
    ['all of it gone', 'a\n', '', { added: 0, removed: 1 }],
    ['far from each other', numbered('a', 40), `x\n${numbered('a', 39)}y\n`, { added: 2, removed: 1 }],
    ['a line end that is missing now', 'a\nb\n', 'a\nb', { added: 1, removed: 1 }],
    ['line ends of Windows', 'a\nb\n', 'a\r\nb\n', { added: 1, removed: 1 }],
    ['lines like those of a diff', '-- a\n++ b\n@@ c\n', '-- a\n@@ c\n\\ d\n', { added: 1, removed: 1 }],
  ])('%s', (_name, before, after, counts) => {
    const found = lineDifference(before, after)
    expect(found).toMatchObject({ ...counts, compared: true })
    expect(apply(before, found.hunks)).toBe(after)
  })

  test('no difference is no hunk', () => {
    const same = { hunks: '', added: 0, removed: 0, compared: true }
    expect(lineDifference('a\n', 'a\n')).toEqual(same)
    expect(lineDifference('', '')).toEqual(same)
  })

  test('two texts that have nothing in common are one replaced block, soon', () => {
    const before = `head\n${numbered('a', 50_000)}tail`
    const after = `head\n${numbered('b', 50_000)}tail`
    const found = lineDifference(before, after)
    expect(found).toMatchObject({ added: 50_000, removed: 50_000, compared: false })
    expect(apply(before, found.hunks)).toBe(after)
    expect(apply('', lineDifference('', after).hunks)).toBe(after)
    expect(apply(before, lineDifference(before, '').hunks)).toBe('')
  })
})

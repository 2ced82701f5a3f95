/** The numbered lines of docs/requirements.md that are shown on the binary: each is named in a title under `e2e/`. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'

const RANGES: readonly (readonly [from: number, to: number])[] = [
  [1, 52],
  [57, 64],
  [87, 98],
  [125, 134],
  [161, 194],
]

/** Numbers in the titles (and in the tables that titles are made of) of a file. */
function numbersIn(text: string): number[] {
  const titles = [...text.matchAll(/['`](S\d[^'`\n]*)/g)].map(([, title]) => title ?? '')
  return titles.flatMap((title) =>
    [...title.matchAll(/\bS(\d+)(?: to S(\d+))?/g)].flatMap(([, from, to]) => {
      const first = Number(from)
      return Array.from({ length: Number(to ?? from) - first + 1 }, (_, i) => first + i)
    }),
  )
}

test('each numbered line of logins, tokens, pipelines and headless runs is shown on the binary', () => {
  const folder = join(import.meta.dir, 'e2e')
  const shown = new Set(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .flatMap((name) => numbersIn(readFileSync(join(folder, name), 'utf8'))),
  )
  const wanted = RANGES.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i))
  expect(wanted.filter((number) => !shown.has(number))).toEqual([])
})

test('every number in a title is a line of docs/requirements.md, which has each number once', () => {
  const page = readFileSync(join(import.meta.dir, '../docs/requirements.md'), 'utf8')
  const listed = [...page.matchAll(/^- \*\*S(\d+)\*\* /gm)].map(([, number]) => Number(number))
  expect(listed).toEqual(Array.from(listed, (_, index) => index + 1))
  const named = readdirSync(import.meta.dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => numbersIn(readFileSync(join(import.meta.dir, name), 'utf8')))
    // S256 and S512 are methods of PKCE.
    .filter((number) => number !== 256 && number !== 512)
  expect(named.length).toBeGreaterThan(100)
  expect(named.filter((number) => !listed.includes(number))).toEqual([])
})

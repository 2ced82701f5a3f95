/** Times of filters: ages, days in UTC, and instants. */
import { expect, test } from 'bun:test'
import { parseTimeOrAge } from '../../src/contract/parse-time-or-age.ts'

const NOW = Date.UTC(2026, 10, 30, 12)
const HOUR = 3_600_000

test.each<[string, number, number?]>([
  ['24h', NOW - 24 * HOUR],
  ['90m', NOW - 1.5 * HOUR],
  ['2w', NOW - 14 * 24 * HOUR],
  ['999999w', 0],
  ['2026-11-29', Date.UTC(2026, 10, 29), Date.UTC(2026, 10, 30) - 1],
  ['2026-11-29T10:00:00Z', Date.UTC(2026, 10, 29, 10)],
  ['2026-11-29T10:00:00.5+02:00', Date.UTC(2026, 10, 29, 8) + 500],
])('%s is a time', (text, start, end = start) => {
  expect([parseTimeOrAge(text, NOW, 'start'), parseTimeOrAge(text, NOW, 'end')]).toEqual([start, end])
})

test.each([
  '',
  'yesterday',
  '24',
  '24s',
  '2026',
  '2026-02-30',
  '2026-13-01',
  '2026-1-1',
  '29.11.2026',
  '-1h',
  '10:00',
  '2026-11-29T10:00',
])('%j is none', (text) => {
  expect(parseTimeOrAge(text, NOW, 'start')).toBeUndefined()
})

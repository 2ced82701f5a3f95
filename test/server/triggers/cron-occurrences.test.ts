/** Occurrences of cron expressions: time zones, clock changes, seconds, bounds and refused expressions. */
import { describe, expect, test } from 'bun:test'
import {
  checkTimetable,
  countOccurrences,
  nextOccurrence,
} from '../../../src/server/triggers/cron-occurrences.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const at = (time: string) => Date.parse(time)

/** The next occurrences, as instants. */
function following(cron: string, timeZone: string, after: string, count: number): string[] {
  const found: string[] = []
  for (let from = at(after); found.length < count;) {
    const next = nextOccurrence({ cron, timeZone }, from)
    if (next === undefined) break
    found.push(new Date(next).toISOString().replace(':00.000Z', 'Z'))
    from = next
  }
  return found
}

describe('occurrences', () => {
  const rows: [string, string, string, string, string[]][] = [
    [
      'on workdays at six in Paris, over a weekend in which the clocks change',
      '0 6 * * 1-5',
      'Europe/Paris',
      '2026-03-27T00:00:00Z',
      ['2026-03-27T05:00Z', '2026-03-30T04:00Z', '2026-03-31T04:00Z'],
    ],
    [
      'at a time that spring leaves out: as soon as it is over, and on time the next day',
      '30 2 * * *',
      'Europe/Paris',
      '2026-03-28T00:00:00Z',
      ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      'every hour through spring: once an hour',
      '0 * * * *',
      'Europe/Paris',
      '2026-03-28T23:30:00Z',
      ['2026-03-29T00:00Z', '2026-03-29T01:00Z', '2026-03-29T02:00Z'],
    ],
    [
      'at a time that autumn repeats: once, the first time',
      '30 2 * * *',
      'Europe/Paris',
      '2026-10-24T12:00:00Z',
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'at a list of times that spring leaves out: once, as soon as it is over',
      '0,30 2 14 3 *',
      'America/New_York',
      '2027-01-01T00:00:00Z',
      ['2027-03-14T07:00Z', '2028-03-14T06:00Z', '2028-03-14T06:30Z'],
    ],
    [
      'at a range of hours, one of which spring leaves out',
      '0 1-3 * * *',
      'America/New_York',
      '2027-03-14T05:30:00Z',
      ['2027-03-14T06:00Z', '2027-03-14T07:00Z', '2027-03-15T05:00Z'],
    ],
    [
      'in steps of two hours, one of which spring leaves out',
      '0 */2 * * *',
      'America/New_York',
      '2027-03-14T04:50:00Z',
      ['2027-03-14T05:00Z', '2027-03-14T07:00Z', '2027-03-14T08:00Z'],
    ],
    [
      'at a list of times that autumn repeats: each once, the first time',
      '0,30 1 * * *',
      'America/New_York',
      '2027-11-07T04:50:00Z',
      ['2027-11-07T05:00Z', '2027-11-07T05:30Z', '2027-11-08T06:00Z'],
    ],
    [
      'in steps of minutes in an hour that autumn repeats, asked between the two',
      '*/20 1 * * *',
      'America/New_York',
      '2027-11-07T06:10:00Z',
      ['2027-11-08T06:00Z', '2027-11-08T06:20Z'],
    ],
    [
      'where the clocks change by half an hour',
      '0,15,45 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T15:00:00Z',
      ['2026-10-03T15:30Z', '2026-10-03T15:45Z', '2026-10-04T15:00Z'],
    ],
    [
      'in minutes and hours of every kind, with seconds before them',
      '0 0,30 2 * * *',
      'America/New_York',
      '2027-03-14T05:00:00Z',
      ['2027-03-14T07:00Z', '2027-03-15T06:00Z'],
    ],
    [
      'with tabs between the fields, as in a crontab',
      '\t0\t6 \t* *\t1-5 ',
      'UTC',
      '2026-01-01T00:00:00Z',
      ['2026-01-01T06:00Z', '2026-01-02T06:00Z', '2026-01-05T06:00Z'],
    ],
    [
      'every half hour through autumn: every half hour',
      '*/30 * * * *',
      'Europe/Paris',
      '2026-10-24T23:45:00Z',
      [
        '2026-10-25T00:00Z',
        '2026-10-25T00:30Z',
        '2026-10-25T01:00Z',
        '2026-10-25T01:30Z',
        '2026-10-25T02:00Z',
      ],
    ],
    [
      'in a zone with half hours',
      '0 9 * * *',
      'Asia/Kolkata',
      '2026-01-01T00:00:00Z',
      ['2026-01-01T03:30Z', '2026-01-02T03:30Z'],
    ],
    [
      'where both days are named, on either',
      '0 0 1 * 1',
      'UTC',
      '2026-03-29T12:00:00Z',
      ['2026-03-30T00:00Z', '2026-04-01T00:00Z', '2026-04-06T00:00Z'],
    ],
    [
      'on a leap day',
      '0 0 29 2 *',
      'UTC',
      '2026-03-01T00:00:00Z',
      ['2028-02-29T00:00Z', '2032-02-29T00:00Z'],
    ],
    ['by name', '@weekly', 'UTC', '2026-01-01T00:00:00Z', ['2026-01-04T00:00Z', '2026-01-11T00:00Z']],
  ]
  test.each(rows)('%s', (_name, cron, timeZone, after, expected) => {
    expect(following(cron, timeZone, after, expected.length)).toEqual(expected)
  })

  test('with seconds', () => {
    expect(nextOccurrence({ cron: '*/10 * * * * *', timeZone: 'UTC' }, NOW)).toBe(NOW + 10_000)
  })

  test('are strictly after the instant, so none comes twice', () => {
    const daily = { cron: '0 0 * * *', timeZone: 'UTC' }
    expect(nextOccurrence(daily, NOW)).toBe(NOW + 86_400_000)
    expect(nextOccurrence(daily, NOW - 1)).toBe(NOW)
  })

  test('are counted with both ends, and not for ever', () => {
    const minutely = { cron: '* * * * *', timeZone: 'UTC' }
    expect(countOccurrences(minutely, NOW, NOW + 5 * 60_000, 100)).toBe(6)
    expect(countOccurrences(minutely, NOW, NOW + 86_400_000, 100)).toBe(100)
  })
})

describe('expressions that are not valid are refused', () => {
  const rows: [string, string, string][] = [
    ['', 'UTC', 'is not a schedule of five fields'],
    ['* * *', 'UTC', 'is not a schedule of five fields'],
    ['0 0 1 1 * * 2030', 'UTC', 'is not a schedule of five fields'],
    ['2026-04-01T00:00:00', 'UTC', 'is not a schedule of five fields'],
    ['61 * * * *', 'UTC', 'is not a schedule: invalid value for minute'],
    ['a b c d e', 'UTC', 'is not a schedule: '],
    ['*/0 * * * *', 'UTC', 'is not a schedule: '],
    ['@sometimes', 'UTC', 'is not a schedule: '],
    ['0 0 30 2 *', 'UTC', 'never happens'],
    ['0 0 * * *', 'Nowhere/City', 'there is no time zone "Nowhere/City"'],
    ['0 0 * * *', '', 'there is no time zone ""'],
    ['0 0 * * *', '+02:00', 'there is no time zone "+02:00"'],
  ]
  test.each(rows)('%s (%s): %s', (cron, timeZone, message) => {
    expect(() => checkTimetable({ cron, timeZone }, NOW)).toThrow(message)
  })
})

/** Durations: their units, fractions, and the texts that are refused. */
import { describe, expect, test } from 'bun:test'
import { type DurationUnit, parseDuration } from '../../src/contract/parse-duration.ts'

const ALL: readonly DurationUnit[] = ['ms', 's', 'm', 'h', 'd', 'w']

describe('a duration', () => {
  test.each([
    ['0s', 0],
    ['500ms', 500],
    ['90s', 90_000],
    ['007m', 420_000],
    ['12h', 43_200_000],
    ['90d', 7_776_000_000],
    ['4w', 2_419_200_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text, ALL)).toBe(ms)
  })

  test.each([
    '',
    's',
    '5',
    '-5s',
    '+5s',
    '5 s',
    ' 5s',
    '5s ',
    '5s\n',
    '5S',
    '5min',
    '1e3s',
    '0x5s',
    '.5s',
    '5.s',
    '٣s',
    '5s5m',
  ])('%j is none', (text) => {
    expect(parseDuration(text, ALL, { fractions: true })).toBeUndefined()
  })

  test('has one of the units that are accepted in its place', () => {
    expect(parseDuration('5d', ['s', 'm', 'h'])).toBeUndefined()
    expect(parseDuration('5ms', ['s', 'm', 'h'])).toBeUndefined()
    expect(parseDuration('5constructor', ALL)).toBeUndefined()
  })

  test('has fractions only where they are accepted', () => {
    expect(parseDuration('1.5h', ALL)).toBeUndefined()
    expect(parseDuration('1.5h', ALL, { fractions: true })).toBe(5_400_000)
  })

  test('is not bounded: what is too long is for the caller to say', () => {
    expect(parseDuration(`${'9'.repeat(400)}h`, ALL)).toBe(Infinity)
  })
})

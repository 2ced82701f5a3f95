/** Instants as RFC 3339 in UTC with milliseconds; null stays null. */
import { expect, test } from 'bun:test'
import { instant } from '../../src/contract/instant-as-text.ts'

test('an instant is RFC 3339 in UTC with milliseconds, and null stays null', () => {
  expect(instant(0)).toBe('1970-01-01T00:00:00.000Z')
  expect(instant(1_772_366_400_123)).toBe('2026-03-01T12:00:00.123Z')
  expect(instant(null)).toBeNull()
})

/** Times of filters as people write them: `24h` (so long ago), `2026-01-31` (in UTC), or an instant of RFC 3339. */
import { parseDuration } from './parse-duration.ts'

/** What a filter takes, for errors. */
export const TIME_FORMS = 'an age such as 24h or 7d, a day such as 2026-01-31, or an instant in RFC 3339'

const DAY = /^\d{4}-\d{2}-\d{2}$/
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/
const DAY_MS = 86_400_000
/** Beyond this no date has a four-digit year. */
const MAX_MS = Date.UTC(9999, 11, 31)

/**
 * @param edge which end of a day is meant
 * @returns milliseconds since 1970; undefined for a text of another form, and for a day that no month has
 */
export function parseTimeOrAge(text: string, now: number, edge: 'start' | 'end'): number | undefined {
  const age = parseDuration(text, ['m', 'h', 'd', 'w'])
  if (age !== undefined) return Math.max(0, now - age)
  if (!DAY.test(text) && !INSTANT.test(text)) return undefined
  const ms = Date.parse(text)
  const day = Date.parse(text.slice(0, 10))
  // Some engines count on into the next month.
  if (Number.isNaN(ms) || !new Date(day).toISOString().startsWith(text.slice(0, 10))) return undefined
  if (ms < 0 || ms > MAX_MS) return undefined
  return DAY.test(text) && edge === 'end' ? ms + DAY_MS - 1 : ms
}

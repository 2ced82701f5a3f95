/** Times of day in a time zone, as instants, where the clocks change too. */

/** Further than any zone moves its clocks at once, but for those that crossed the date line. */
const NEAR_MS = 3 * 3_600_000
const DAY_MS = 24 * 3_600_000

const formats = new Map<string, Intl.DateTimeFormat>()

/** What the clocks of a zone show at an instant, as if that were UTC. Milliseconds, without their fraction of a second. */
export function localTimeAt(instant: number, timeZone: string): number {
  return instant + offsetAt(instant, timeZone)
}

/**
 * The instant at which the clocks of a zone show a time: the first of two, and the end of the gap for a time that
 * they leave out. Later times never have earlier instants.
 * @param local milliseconds, as if the time were UTC
 */
export function instantOf(local: number, timeZone: string): number {
  const before = offsetAt(local - DAY_MS, timeZone)
  const after = offsetAt(local + DAY_MS, timeZone)
  if (offsetAt(local - before, timeZone) === before) return local - before
  if (offsetAt(local - after, timeZone) === after) return local - after
  return changeBetween(local - DAY_MS, local + DAY_MS, timeZone)
}

/** Whether the clocks change within three hours of an instant. */
export function isNearChange(instant: number, timeZone: string): boolean {
  return offsetAt(instant - NEAR_MS, timeZone) !== offsetAt(instant + NEAR_MS, timeZone)
}

/** Where a search starts that is to miss nothing which a change of the clocks moved. */
export function earlierThanAnyChange(local: number): number {
  return local - NEAR_MS
}

/** The first instant with another offset than that of `low`. */
function changeBetween(low: number, high: number, timeZone: string): number {
  const before = offsetAt(low, timeZone)
  let [last, first] = [low, high]
  while (first - last > 1) {
    const middle = Math.floor((last + first) / 2)
    if (offsetAt(middle, timeZone) === before) last = middle
    else first = middle
  }
  return first
}

/** How far the clocks are ahead of UTC, in milliseconds. */
function offsetAt(instant: number, timeZone: string): number {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(timeZone, format)
  }
  const shown = new Map(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]))
  const part = (type: Intl.DateTimeFormatPartTypes) => shown.get(type) ?? 0
  const local = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  )
  return local - Math.floor(instant / 1000) * 1000
}

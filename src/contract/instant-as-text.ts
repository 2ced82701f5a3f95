/** Instants on the wire: RFC 3339 in UTC with milliseconds, `2026-03-01T12:00:00.000Z`. */

/**
 * @param ms milliseconds since 1970; null where it has not happened.
 * @throws RangeError for a number that no date has.
 */
export function instant(ms: number): string
export function instant(ms: number | null): string | null
export function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

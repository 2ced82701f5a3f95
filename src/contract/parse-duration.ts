/** Durations as people write them: a number and its unit, such as `90s`, `5m`, `12h` or `4w`. */

const UNIT_MS = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
}
export type DurationUnit = keyof typeof UNIT_MS

/**
 * @param units those that are accepted here.
 * @param options `fractions`: `1.5h` is accepted as well.
 * @returns milliseconds, not bounded: 0 and more than any clock counts are the caller's to refuse. Undefined for
 * a text of another form.
 */
export function parseDuration(
  text: string,
  units: readonly DurationUnit[],
  { fractions = false } = {},
): number | undefined {
  const [, count, name] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text) ?? []
  const unit = units.find((known) => known === name)
  if (count === undefined || unit === undefined) return undefined
  if (count.includes('.') && !fractions) return undefined
  return Number(count) * UNIT_MS[unit]
}

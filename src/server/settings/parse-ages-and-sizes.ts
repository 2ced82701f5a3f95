/** Times and sizes as settings write them. */
import { type DurationUnit, parseDuration } from '../../contract/parse-duration.ts'

const MAX_AGE_MS = 36_500 * 86_400_000
const AGE_UNITS: readonly DurationUnit[] = ['m', 'h', 'd']

/** `30m`, `12h`, `90d`. @returns milliseconds; undefined for another form, or for over 100 years */
export function parseAge(text: string): number | undefined {
  const ms = parseDuration(text, AGE_UNITS)
  return ms !== undefined && ms <= MAX_AGE_MS ? ms : undefined
}

const SIZES = {
  kb: 1000,
  kib: 1024,
  mb: 1000 ** 2,
  mib: 1024 ** 2,
  gb: 1000 ** 3,
  gib: 1024 ** 3,
  tb: 1000 ** 4,
  tib: 1024 ** 4,
}
const MAX_SIZE = 1000 * SIZES.tib

/** `500MB`, `10GiB`, in either case. @returns bytes; undefined for another form, or for over 1000 TiB */
export function parseSize(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,9})([kmgt]i?b)$/.exec(text.toLowerCase()) ?? []
  const bytes = Number(count) * (SIZES[unit as keyof typeof SIZES] ?? NaN)
  return bytes <= MAX_SIZE ? bytes : undefined
}

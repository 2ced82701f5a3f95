const TIMES_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 }
const MAX_DAYS = 36_500

/** `30m`, `12h`, `90d`. @returns milliseconds; undefined for what is no such time, or over 100 years */
export function parseAge(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})([mhd])$/.exec(text) ?? []
  const ms = Number(count) * (TIMES_MS[unit as keyof typeof TIMES_MS] ?? NaN)
  return ms <= MAX_DAYS * TIMES_MS.d ? ms : undefined
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

/** `500MB`, `10GiB`, in either case. @returns bytes; undefined for what is no such size, or over 1000 TiB */
export function parseSize(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,9})([kmgt]i?b)$/.exec(text.toLowerCase()) ?? []
  const bytes = Number(count) * (SIZES[unit as keyof typeof SIZES] ?? NaN)
  return bytes <= MAX_SIZE ? bytes : undefined
}

import { Fault } from '../../contract/fault.ts'

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }
const LONGEST_HOURS = 24

/**
 * `30s`, `5m`, `1h` as milliseconds.
 * @throws Fault `usage` for anything else, for nothing, and beyond `longestHours`: a day.
 */
export function parseTimeout(text: string, flag: string, longestHours = LONGEST_HOURS): number {
  const match = /^(\d{1,6})(s|m|h)$/.exec(text)
  const ms = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? Number.NaN)
  if (ms > 0 && ms <= longestHours * 3_600_000) return ms
  throw new Fault('usage', `${flag} takes a time such as 30s or 5m, at most ${longestHours}h`)
}

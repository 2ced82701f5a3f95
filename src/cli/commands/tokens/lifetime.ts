import { Fault } from '../../../contract/fault.ts'

const UNIT_SECONDS: Readonly<Record<string, number>> = { h: 3600, d: 86_400, w: 7 * 86_400 }
const LONGEST_SECONDS = 10 * 365 * 86_400

/**
 * `12h`, `90d`, `4w` in seconds.
 * @throws Fault `usage` for anything else, for nothing, and beyond ten years
 */
export function parseLifetime(text: string, flag: string): number {
  const match = /^(\d{1,6})(h|d|w)$/.exec(text)
  const seconds = Number(match?.[1]) * (UNIT_SECONDS[match?.[2] ?? ''] ?? Number.NaN)
  if (seconds > 0 && seconds <= LONGEST_SECONDS) return seconds
  throw new Fault('usage', `${flag} takes a time such as 12h, 90d or 4w, at most ten years`)
}

/** Durations as flags take them: `30s`, `12h`, `90d`. */
import { parseDuration } from '../../contract/parse-duration.ts'
import { Fault } from '../../contract/fault.ts'

const HOUR_MS = 3_600_000
const MAX_TIMEOUT_HOURS = 24
const DAY_MS = 86_400_000
const MAX_LIFETIME_DAYS = 10 * 365

/**
 * `30s`, `5m`, `1h` as milliseconds.
 * @throws Fault `usage` for anything else, for zero, and beyond `maxHours`: a day
 */
export function parseTimeout(text: string, flag: string, maxHours = MAX_TIMEOUT_HOURS): number {
  const ms = parseDuration(text, ['s', 'm', 'h']) ?? 0
  if (ms > 0 && ms <= maxHours * HOUR_MS) return ms
  throw new Fault('usage', `${flag} takes a time such as 30s or 5m, at most ${maxHours}h`)
}

/**
 * `12h`, `90d`, `4w` in seconds.
 * @throws Fault `usage` for anything else, for zero, and beyond `maxDays`: ten years
 */
export function parseLifetime(text: string, flag: string, maxDays = MAX_LIFETIME_DAYS): number {
  const ms = parseDuration(text, ['h', 'd', 'w']) ?? 0
  if (ms > 0 && ms <= maxDays * DAY_MS) return ms / 1000
  const most = maxDays === MAX_LIFETIME_DAYS ? 'ten years' : `${maxDays}d`
  throw new Fault('usage', `${flag} takes a time such as 12h, 90d or 4w, at most ${most}`)
}

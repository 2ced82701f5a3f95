/** Times as a person at a terminal reads them: `2 min ago`; everywhere else as the server says them. */
import type { Deps } from '../deps.ts'
import type { OutputFormat } from '../parsing/global-flags.ts'

/** From this distance on, a date says more. */
const MAX_DAYS = 30
const UNITS = [
  { ms: 86_400_000, name: 'd' },
  { ms: 3_600_000, name: 'h' },
  { ms: 60_000, name: 'min' },
  { ms: 1000, name: 's' },
] as const

/** `2 min ago`, `in 3 d`, `just now`; the day where that is further away than a month, or cannot be read. */
function distance(instant: string, now: number): string {
  const ms = Date.parse(instant) - now
  const days = Math.abs(ms) / UNITS[0].ms
  if (!(days < MAX_DAYS)) return instant.slice(0, 10)
  const unit = UNITS.find((one) => Math.abs(ms) >= one.ms)
  if (unit === undefined) return 'just now'
  const amount = `${Math.floor(Math.abs(ms) / unit.ms)} ${unit.name}`
  return ms < 0 ? `${amount} ago` : `in ${amount}`
}

export interface Times {
  /** In a list: `2 min ago`. */
  short(instant: string): string
  /** Where there is room: the instant, and how long ago that is. */
  long(instant: string): string
}

/** How this call prints times: by their distance in a table on a terminal, else as they are. */
export function timesFor(
  { format }: { format: OutputFormat },
  { io, clock }: Pick<Deps, 'io' | 'clock'>,
): Times {
  if (format !== 'table' || !io.stdout.isTerminal) return { short: asItIs, long: asItIs }
  const now = clock.now()
  return {
    short: (instant) => distance(instant, now),
    long: (instant) => `${instant} (${distance(instant, now)})`,
  }
}

function asItIs(instant: string): string {
  return instant
}

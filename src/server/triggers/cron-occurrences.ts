/** The occurrences of cron schedules. The only file that knows the cron library. */
import { Cron } from 'croner'
import { Fault } from '../../contract/fault.ts'
import { earlierThanAnyChange, instantOf, isNearChange, localTimeAt } from './local-time-to-instant.ts'

/** When a pipeline runs by itself. */
export interface Timetable {
  /** Minute, hour, day of the month, month, day of the week; seconds may stand before them. Or `@daily`. */
  cron: string
  /** By its name in the IANA database. */
  timeZone: string
}

/** Five fields, six with seconds, or a name for them; no years, so that nothing ends unnoticed. */
const SHAPE = /^(?:@[a-z]+|\S+(?: \S+){4,5})$/

/** The hours of a schedule that is to happen every so often, and not at times of day. */
const EVERY_HOUR = /^(?:[*?]|\*\/1|0-23(?:\/1)?)$/

/**
 * The first occurrence after an instant; undefined where none ever comes. What a change of the clocks leaves out
 * happens when it is over, once however many times there were; what it repeats happens once. A schedule for every hour
 * follows elapsed time instead.
 * @param after milliseconds since 1970, as is the answer
 */
export function nextOccurrence({ cron, timeZone }: Timetable, after: number): number | undefined {
  const fields = withSingleBlanks(cron)
  // Nothing is given to run, so it starts no timers.
  if (isEveryHour(fields)) return new Cron(fields, { timezone: timeZone }).nextRun(new Date(after))?.getTime()
  // The library leaves out lists and steps in the hour that spring skips, and repeats them in autumn: it is asked for
  // times of day alone.
  const timesOfDay = new Cron(fields, { timezone: 'UTC' })
  const local = localTimeAt(after, timeZone)
  let from = new Date(isNearChange(after, timeZone) ? earlierThanAnyChange(local) : local)
  for (;;) {
    const next = timesOfDay.nextRun(from)
    if (next === null) return undefined
    const instant = instantOf(next.getTime(), timeZone)
    if (instant > after) return instant
    from = next
  }
}

function isEveryHour(fields: string): boolean {
  const all = fields.split(' ')
  return fields === '@hourly' || EVERY_HOUR.test(all[all.length === 6 ? 2 : 1] ?? '')
}

/** A line of a crontab often has tabs. */
function withSingleBlanks(cron: string): string {
  return cron.trim().replaceAll(/[ \t]+/g, ' ')
}

/** How many there are from one instant to another, both included; at most `most`. */
export function countOccurrences(timetable: Timetable, from: number, to: number, most: number): number {
  let count = 0
  for (let at = nextOccurrence(timetable, from - 1); at !== undefined && at <= to;) {
    count += 1
    if (count === most) break
    at = nextOccurrence(timetable, at)
  }
  return count
}

/** @throws Fault `usage` for a value that is not a timetable, and for a timetable without occurrences */
export function checkTimetable(timetable: Timetable, now: number): void {
  const { cron, timeZone } = timetable
  if (!isTimeZone(timeZone)) {
    throw new Fault('usage', `there is no time zone "${timeZone}"`, { hint: 'for example Europe/Paris' })
  }
  const hint = 'for example "0 6 * * 1-5": at 6:00 from Monday to Friday'
  if (!SHAPE.test(withSingleBlanks(cron)))
    throw new Fault('usage', `"${cron}" is not a schedule of five fields`, { hint })
  if (nextOrProblem(timetable, now) !== undefined) return
  throw new Fault('usage', `"${cron}" never happens`, { hint })

  function nextOrProblem(of: Timetable, after: number): number | undefined {
    try {
      return nextOccurrence(of, after)
    } catch (cause) {
      throw new Fault('usage', `"${cron}" is not a schedule: ${reasonOf(cause)}`, { hint, cause })
    }
  }
}

/** The library's words without its name. */
function reasonOf(error: unknown): string {
  const words = error instanceof Error ? error.message.replace(/^\w+: */, '') : ''
  return words === '' ? 'it cannot be read' : `${words.slice(0, 1).toLowerCase()}${words.slice(1)}`
}

function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

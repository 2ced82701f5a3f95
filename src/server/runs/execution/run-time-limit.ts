/** The time limit of a run. */
import type { Clock } from '../../../platform/clock.ts'

/** How long a run may take from its start. */
export interface TimeLimit {
  ms: number
  /** When an earlier server started the run. Milliseconds since 1970. */
  startedAt?: number | undefined
}

/**
 * Calls `stop` with the reason once the time is over.
 * @returns a function that ends the watch
 */
export function watchTimeLimit(
  { ms, startedAt }: TimeLimit,
  clock: Clock,
  stop: (reason: string) => void,
): () => void {
  const watching = new AbortController()
  const left = startedAt === undefined ? ms : startedAt + ms - clock.now()
  clock.sleep(Math.max(0, left), watching.signal).then(
    () => stop(`it took longer than ${inWords(ms)}, its time limit`),
    // The run has ended in time.
    () => {},
  )
  return () => watching.abort()
}

/** `90 s`, `5 min`, `2 h`: the largest unit of which it is a whole number. */
function inWords(ms: number): string {
  const units = [
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ] as const
  const [unit, size] = units.find(([, each]) => ms % each === 0) ?? ['ms', 1]
  return `${ms / size} ${unit}`
}

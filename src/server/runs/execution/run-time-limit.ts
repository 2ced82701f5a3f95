import type { Clock } from '../../../platform/clock.ts'

/** How long a run may take from when it began. */
export interface TimeLimit {
  ms: number
  /** When it began under a server before this one. Milliseconds since 1970. */
  startedAt?: number | undefined
}

/**
 * Calls `end` with the reason once the time is over.
 * @returns what stops watching
 */
export function watchTimeLimit(
  { ms, startedAt }: TimeLimit,
  clock: Clock,
  end: (reason: string) => void,
): () => void {
  const stopped = new AbortController()
  const left = startedAt === undefined ? ms : startedAt + ms - clock.now()
  clock.sleep(Math.max(0, left), stopped.signal).then(
    () => end(`it took longer than ${inWords(ms)}, its time limit`),
    // The run has ended before.
    () => {},
  )
  return () => stopped.abort()
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

/** The attempts of a run, as its record tells them. */
import type { RunStatus } from '../../../contract/run-events.ts'
import type { RunRecord } from './read-run-records.ts'

/** Instants are milliseconds since 1970. */
export interface RunAttempt {
  attempt: number
  status: RunStatus
  message: string | null
  /** When it was queued, and by whom; null for an attempt of before, where nobody knows. */
  queuedAt: number | null
  by: string | null
  startedAt: number | null
  endedAt: number | null
}

/** In order, the latest last; some of before are missing where they are not on record. */
export function attemptsOf(run: RunRecord): RunAttempt[] {
  const { attempt, status, message, startedAt, endedAt } = run
  return [...run.earlierAttempts, { attempt, status, message, startedAt, endedAt }].map((one) =>
    Object.assign(queued(run, one.attempt), {
      attempt: one.attempt,
      status: one.status,
      message: one.message,
      startedAt: one.startedAt,
      endedAt: one.endedAt,
    }),
  )
}

function queued(run: RunRecord, attempt: number): Pick<RunAttempt, 'queuedAt' | 'by'> {
  if (attempt === 1) return { queuedAt: run.createdAt, by: run.triggeredBy }
  const before = run.earlierAttempts.find((one) => one.attempt === attempt - 1)
  return { queuedAt: before?.resumedAt ?? null, by: before?.resumedBy ?? null }
}

/** How long an attempt waited for its turn, and how long it took, in milliseconds; null where that is not over. */
export function timesOf({ queuedAt, startedAt, endedAt }: RunAttempt): {
  queuedMs: number | null
  durationMs: number | null
} {
  return { queuedMs: between(queuedAt, startedAt), durationMs: between(startedAt, endedAt) }
}

/** Clocks can be set back. */
function between(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : Math.max(0, to - from)
}

/** What the API says of one run beyond what lists have of it. */
import type { RunResponse } from '../../../contract/api/runs.ts'
import { instant } from '../../../contract/instant-as-text.ts'
import type { RunRecord } from '../../runs/journal/read-run-records.ts'
import { attemptsOf, type RunAttempt, timesOf } from '../../runs/journal/run-attempts.ts'

export function runDetails(run: RunRecord, sourceChanged: boolean | null): Partial<RunResponse> {
  const attempts = attemptsOf(run)
  const latest = attempts.at(-1)
  return {
    task: run.task,
    timeoutMs: run.timeoutMs,
    origin: run.origin,
    repeats: run.repeats,
    sourceChanged,
    ...(latest === undefined ? {} : timesOf(latest)),
    attempts: attempts.map(toResponse),
  }
}

function toResponse({ attempt, status, message, queuedAt, by, startedAt, endedAt }: RunAttempt) {
  const times = { queuedAt: instant(queuedAt), startedAt: instant(startedAt), endedAt: instant(endedAt) }
  return { attempt, status, message, by, ...times }
}

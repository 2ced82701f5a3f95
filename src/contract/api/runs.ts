/** The bodies of `/api/runs` and of starting a run. */
import * as v from 'valibot'
import { runStatus, taskStatus } from '../run-events.ts'

/** The longest time limit of a run. */
export const MAX_RUN_HOURS = 7 * 24

export const runPipelineBody = v.strictObject({
  args: v.optional(v.array(v.string()), []),
  task: v.optional(v.string()),
  /** Milliseconds from its start; then it is stopped. */
  timeoutMs: v.optional(
    v.pipe(
      v.number(),
      v.integer('is not a whole number of milliseconds'),
      v.minValue(1, 'is under 1 ms'),
      v.maxValue(MAX_RUN_HOURS * 3_600_000, 'is over 7 days'),
    ),
  ),
})

const taskResponse = v.looseObject({
  name: v.string(),
  /** In the order in which the script asked for them. */
  number: v.optional(v.number()),
  /** The attempt of the run that it was part of. */
  attempt: v.optional(v.number()),
  status: taskStatus,
  code: v.nullable(v.number()),
  startedAt: v.string(),
  endedAt: v.nullable(v.string()),
})

/** How often a secret was redacted in the output of a task or, under the pipeline's name, in anything else. */
const redactionResponse = v.looseObject({ secret: v.string(), in: v.string(), hits: v.number() })

/** The latest is the last. */
const attemptResponse = v.looseObject({
  attempt: v.number(),
  status: runStatus,
  message: v.nullable(v.string()),
  /** When it was queued, and by whom; null where that is not on record. */
  queuedAt: v.nullable(v.string()),
  by: v.nullable(v.string()),
  startedAt: v.nullable(v.string()),
  endedAt: v.nullable(v.string()),
})

export const runResponse = v.looseObject({
  id: v.string(),
  pipeline: v.string(),
  status: runStatus,
  triggeredBy: v.string(),
  createdAt: v.string(),
  startedAt: v.nullable(v.string()),
  endedAt: v.nullable(v.string()),
  message: v.nullable(v.string()),
  /** 1, and one more each time that it was resumed. */
  attempt: v.optional(v.number()),
  args: v.optional(v.array(v.string())),
  tasks: v.optional(v.array(taskResponse)),
  /** How far it is: the number of its last event. */
  lastEventId: v.optional(v.number()),
  /** The task, redacted like the arguments. */
  task: v.optional(v.nullable(v.string())),
  /** The time limit, in milliseconds from its start. */
  timeoutMs: v.optional(v.nullable(v.number())),
  /** From where it was started; null for a run of before. */
  origin: v.optional(v.nullable(v.looseObject({ kind: v.string() }))),
  /** The run whose arguments and task it was started with again. */
  repeats: v.optional(v.nullable(v.string())),
  /** How long the latest attempt waited for its turn, and how long it took; null where that is not over. */
  queuedMs: v.optional(v.nullable(v.number())),
  durationMs: v.optional(v.nullable(v.number())),
  attempts: v.optional(v.array(attemptResponse)),
  /** The name of the token or service key that it was started with; null where there was none. */
  tokenName: v.optional(v.nullable(v.string())),
  /** When its log was removed. */
  logRemovedAt: v.optional(v.nullable(v.string())),
  /** Only in the response for one run: whether its pipeline has another source by now; null where that is not known. */
  sourceChanged: v.optional(v.nullable(v.boolean())),
  /** Known when the run has ended. */
  redactions: v.optional(v.array(redactionResponse)),
})
export type RunResponse = v.InferOutput<typeof runResponse>

/**
 * The response to `POST /api/runs/:id/resume`: what comes of it has event numbers over `lastEventId`. `sourceChanged`: the
 * pipeline has another source by now, and the attempt runs that of the first.
 */
export const runResumed = v.looseObject({
  run_id: v.string(),
  attempt: v.number(),
  lastEventId: v.number(),
  sourceChanged: v.optional(v.boolean()),
})
export type RunResumed = v.InferOutput<typeof runResumed>

/** The response to `POST /api/runs/:id/again`. `sourceChanged`: the new run has another source than the one it repeats. */
export const runStartedAgain = v.looseObject({
  run_id: v.string(),
  repeats: v.string(),
  sourceChanged: v.nullable(v.boolean()),
})
export type RunStartedAgain = v.InferOutput<typeof runStartedAgain>

export const runStarted = v.looseObject({ run_id: v.string() })

/** The events of a run, as they travel over SSE and are stored in the database. */
import * as v from 'valibot'

/** Every text in an event has been through the redactor. */
export const runStatus = v.picklist(['queued', 'running', 'success', 'failed', 'stopped'])
export type RunStatus = v.InferOutput<typeof runStatus>

export const taskStatus = v.picklist(['running', 'success', 'failure', 'abort', 'error'])
export type TaskStatus = v.InferOutput<typeof taskStatus>

const logEvent = v.object({
  type: v.literal('log'),
  data: v.object({
    /** The task's name; absent for output of the script itself (`console.log`). */
    task: v.optional(v.string()),
    /** The task's number in the run: names may repeat. */
    number: v.optional(v.number()),
    stream: v.picklist(['stdout', 'stderr']),
    /** A piece of output, not a line: join the pieces of one task and stream in order. */
    data: v.string(),
  }),
})
const taskEvent = v.object({
  type: v.literal('task'),
  data: v.object({
    name: v.string(),
    number: v.optional(v.number()),
    status: taskStatus,
    code: v.optional(v.number()),
  }),
})
const runEvent = v.object({
  type: v.literal('run'),
  /** `attempt` where it is not the first. */
  data: v.object({ status: runStatus, attempt: v.optional(v.number()) }),
})
const exitEvent = v.object({
  type: v.literal('exit'),
  /** Always the last. `code` is 0 for success, else 1. */
  data: v.object({ code: v.number(), run_id: v.string(), message: v.optional(v.string()) }),
})

export const runEventSchema = v.variant('type', [logEvent, taskEvent, runEvent, exitEvent])
export type RunEvent = v.InferOutput<typeof runEventSchema>

/** An event with its number: 1, 2, 3 … within its run. */
export type NumberedEvent = RunEvent & { id: number }

export type FinalStatus = 'success' | 'failed' | 'stopped'

export function isFinal(status: RunStatus): status is FinalStatus {
  return status === 'success' || status === 'failed' || status === 'stopped'
}

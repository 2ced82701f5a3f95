/** The bodies of `/api/pipelines`: a pipeline with its source, its rule, its schedules and its secrets. */
import * as v from 'valibot'
import { namedRecord } from '../refuse-object-prototype-names.ts'
import { secretKey, secretValue } from './secrets.ts'
import { webhookResponse } from './webhooks.ts'

export const pipelineName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$/i,
    'a pipeline name has up to 100 letters, digits, ".", "_" and "-"',
  ),
)

/** 1 MiB of UTF-8, the largest pipeline: more is a bundle that was not meant to be one. */
export const MAX_SOURCE_BYTES = 1024 * 1024

export const CONCURRENCY_MODES = ['parallel', 'serial', 'cancel-previous'] as const

/** `queue` is what `parallel` was called; it is read for as long as scripts and older clients send it. */
const parallel = v.pipe(
  v.picklist(['parallel', 'queue']),
  v.transform(() => 'parallel' as const),
)

/**
 * What happens when a pipeline is started while it runs: `parallel`, the runs go side by side, or `max` of them and
 * the others wait; `serial`, one after the other; `cancel-previous`, a new run stops those before it.
 */
export const concurrency = v.variant(
  'mode',
  [
    v.strictObject({
      mode: parallel,
      max: v.optional(v.pipe(v.number(), v.integer('not a whole number'), v.minValue(1), v.maxValue(1000))),
    }),
    v.strictObject({ mode: v.literal('serial') }),
    v.strictObject({ mode: v.literal('cancel-previous') }),
  ],
  'concurrency takes {"mode": "parallel", "max": N}, {"mode": "serial"} or {"mode": "cancel-previous"}',
)
export type Concurrency = v.InferOutput<typeof concurrency>

/** When a pipeline runs by itself; the server says more exactly what a schedule is. */
const schedule = v.strictObject({
  cron: v.pipe(v.string(), v.trim(), v.maxLength(200, 'a schedule has at most 200 characters')),
  timeZone: v.optional(v.pipe(v.string(), v.maxLength(64)), 'UTC'),
  /** Whether what was missed is made up for, by one run. */
  catchUp: v.optional(v.boolean(), false),
})
export type Schedule = v.InferOutput<typeof schedule>
const MAX_SCHEDULES = 20

/** What tasks can run on. */
export const DRIVERS = ['native', 'docker'] as const
export type DriverName = (typeof DRIVERS)[number]

export const putPipelineBody = v.strictObject({
  source: v.pipe(
    v.string(),
    v.nonEmpty('is empty'),
    v.check((s) => Buffer.byteLength(s) <= MAX_SOURCE_BYTES, 'the source is larger than 1 MiB'),
  ),
  /** What the author called the file; errors name it. */
  filename: v.pipe(v.string(), v.regex(/\.(ts|js)$/, 'a pipeline is a .ts or .js file'), v.maxLength(255)),
  /** Absent: as before, at first the server's own choice. */
  driver: v.optional(v.picklist(DRIVERS, `is one of ${DRIVERS.join(', ')}`)),
  /** Who may see the pipeline; empty: no rule any more; absent: as before. */
  rbac: v.optional(v.string()),
  /** Absent: as before, at first `parallel` without a limit. */
  concurrency: v.optional(concurrency),
  /** Absent: as before. */
  schedules: v.optional(
    v.pipe(v.array(schedule), v.maxLength(MAX_SCHEDULES, `at most ${MAX_SCHEDULES} schedules`)),
  ),
  secrets: v.optional(namedRecord(secretKey, secretValue)),
  /** Of the pipeline's own, which have to be there, and not in `secrets`. */
  unsetSecrets: v.optional(v.array(secretKey)),
  allowShort: v.optional(v.boolean()),
})
export type PutPipelineBody = v.InferOutput<typeof putPipelineBody>

/** Times are those of occurrences, but for `missedAt`, when it was noticed. */
const scheduleResponse = v.looseObject({
  cron: v.string(),
  timeZone: v.string(),
  catchUp: v.boolean(),
  nextAt: v.nullable(v.string()),
  lastAt: v.nullable(v.string()),
  lastRun: v.nullable(v.string()),
  /** The last time that occurrences were missed, how many (100 are 100 or more), and why. */
  missedAt: v.nullable(v.string()),
  missed: v.number(),
  missedBecause: v.nullable(v.string()),
})
export type ScheduleResponse = v.InferOutput<typeof scheduleResponse>

/** A secret that a script names, and where a run finds it; null where it is not set. */
const neededSecret = v.looseObject({
  key: v.string(),
  scope: v.nullable(v.picklist(['pipeline', 'global', 'server'])),
})
export type NeededSecret = { key: string; scope: 'pipeline' | 'global' | 'server' | null }

export const pipelineResponse = v.looseObject({
  id: v.string(),
  name: v.string(),
  filename: v.string(),
  driver: v.string(),
  paused: v.boolean(),
  createdAt: v.string(),
  updatedAt: v.string(),
  concurrency: v.optional(v.looseObject({ mode: v.string(), max: v.optional(v.number()) })),
  /** Only in the response for one pipeline. */
  source: v.optional(v.string()),
  rbac: v.optional(v.nullable(v.string())),
  secrets: v.optional(v.array(v.string())),
  webhook: v.optional(v.nullable(webhookResponse)),
  schedules: v.optional(v.array(scheduleResponse)),
  /** Only in the response for one pipeline, and when one is set. */
  needs: v.optional(v.array(neededSecret)),
  /** Only when one is set: its rule hides it from the one who has set it. */
  hiddenFromYou: v.optional(v.boolean()),
  /** Only when one is set: who had set what it replaces, as far as that is on record, and when. */
  replaced: v.optional(v.looseObject({ setBy: v.nullable(v.string()), setAt: v.string() })),
})
export type PipelineResponse = v.InferOutput<typeof pipelineResponse>

import * as v from 'valibot'
import { runStatus, taskStatus } from './run-events.ts'
import { isFreeName, namedRecord, RESERVED_NAMES } from './reserved-names.ts'

/**
 * The bodies of the API, in both directions. Objects are loose on the way in to a client (fields are only
 * ever added) and strict on the way in to a server (a misspelt field is an error, not a silent default).
 */

/** `pipeline/<id>` on the wire is `?pipeline=<name>`, `server` is `?scope=server`; keys follow the rules of environment variables. */
export const secretKey = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a key has letters, digits and _ and does not begin with a digit'),
  v.maxLength(128, 'a key has at most 128 characters'),
  v.check(isFreeName, RESERVED_NAMES),
)
/** Names of the server's own secrets, which no pipeline can read. */
export const RESERVED_SECRET_PREFIX = 'FOB_'
export function isReservedSecret(key: string): boolean {
  return key.toUpperCase().startsWith(RESERVED_SECRET_PREFIX)
}
export const pipelineName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$/i,
    'a pipeline name has up to 100 letters, digits, ".", "_" and "-"',
  ),
)
/** 1 MiB of UTF-8, the largest pipeline: more is a bundle that was not meant to be one. */
export const MAX_SOURCE_BYTES = 1024 * 1024
/** 256 KiB, the largest secret. */
export const MAX_SECRET_BYTES = 256 * 1024
/** Below this many bytes, redaction would blacken ordinary text. */
export const MIN_SECRET_BYTES = 4

/** Text, or any bytes as base64. */
const secretValue = v.union(
  [
    v.pipe(
      v.string(),
      v.check((s) => Buffer.byteLength(s) <= MAX_SECRET_BYTES, 'a secret has at most 256 KiB'),
    ),
    v.strictObject({
      base64: v.pipe(
        v.string(),
        v.base64('not base64'),
        v.check((s) => Buffer.byteLength(s, 'base64') <= MAX_SECRET_BYTES, 'a secret has at most 256 KiB'),
      ),
    }),
  ],
  'a value is text, or {"base64": "…"}',
)
export type SecretValue = v.InferOutput<typeof secretValue>

/**
 * What happens where a pipeline is to run while it runs: `queue`, the runs go side by side, or `max` of them and
 * the others wait; `serial`, one after the other; `cancel-previous`, a new run stops those before it.
 */
export const concurrency = v.variant(
  'mode',
  [
    v.strictObject({
      mode: v.literal('queue'),
      max: v.optional(v.pipe(v.number(), v.integer('not a whole number'), v.minValue(1), v.maxValue(1000))),
    }),
    v.strictObject({ mode: v.literal('serial') }),
    v.strictObject({ mode: v.literal('cancel-previous') }),
  ],
  'concurrency is {"mode": "queue", "max": N}, {"mode": "serial"} or {"mode": "cancel-previous"}',
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
  /** Absent: as before, at first `queue` without a limit. */
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

/** Whose way of proving who sends a webhook: the vendor's, or requests signed as in docs/signing.md. */
export const WEBHOOK_PROVIDERS = ['github', 'gitlab', 'generic'] as const
export type WebhookProvider = (typeof WEBHOOK_PROVIDERS)[number]
/** With fewer bytes it could be found out from a single signed request. */
const MIN_WEBHOOK_SECRET_BYTES = 16

/** `PUT /api/pipelines/:name/webhook`; without a secret, the server makes one. */
export const putWebhookBody = v.strictObject({
  provider: v.picklist(WEBHOOK_PROVIDERS),
  secret: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[!-~]*$/, 'the secret of a webhook is printable ASCII without spaces'),
      v.minLength(
        MIN_WEBHOOK_SECRET_BYTES,
        `the secret of a webhook has ${MIN_WEBHOOK_SECRET_BYTES} characters or more`,
      ),
      v.maxLength(1024, 'the secret of a webhook has at most 1024 characters'),
    ),
  ),
})

export const webhookAnswer = v.looseObject({
  provider: v.string(),
  /** Where the sender sends to. */
  url: v.string(),
  /** Only in the answer that made it. */
  secret: v.optional(v.string()),
})
export type WebhookAnswer = v.InferOutput<typeof webhookAnswer>

/** The longest time limit of a run. */
export const MAX_RUN_HOURS = 7 * 24

export const runPipelineBody = v.strictObject({
  args: v.optional(v.array(v.string()), []),
  task: v.optional(v.string()),
  /** Milliseconds from when it begins; then it is stopped. */
  timeoutMs: v.optional(
    v.pipe(
      v.number(),
      v.integer('is not a whole number of milliseconds'),
      v.minValue(1, 'is under 1 ms'),
      v.maxValue(MAX_RUN_HOURS * 3_600_000, 'is over 7 days'),
    ),
  ),
})
export type RunPipelineBody = v.InferOutput<typeof runPipelineBody>

export const putSecretBody = v.strictObject({ value: secretValue, allowShort: v.optional(v.boolean()) })

/** Times are those of occurrences, but for `missedAt`, when it was noticed. */
const scheduleAnswer = v.looseObject({
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
export type ScheduleAnswer = v.InferOutput<typeof scheduleAnswer>

/** A secret that a script names, and where a run finds it; null where it is not set. */
const neededSecret = v.looseObject({
  key: v.string(),
  scope: v.nullable(v.picklist(['pipeline', 'global', 'server'])),
})
export type NeededSecret = { key: string; scope: 'pipeline' | 'global' | 'server' | null }

export const pipelineAnswer = v.looseObject({
  id: v.string(),
  name: v.string(),
  filename: v.string(),
  driver: v.string(),
  paused: v.boolean(),
  createdAt: v.string(),
  updatedAt: v.string(),
  concurrency: v.optional(v.looseObject({ mode: v.string(), max: v.optional(v.number()) })),
  /** Only in the answer for one pipeline. */
  source: v.optional(v.string()),
  rbac: v.optional(v.nullable(v.string())),
  secrets: v.optional(v.array(v.string())),
  webhook: v.optional(v.nullable(webhookAnswer)),
  schedules: v.optional(v.array(scheduleAnswer)),
  /** Only in the answer for one pipeline, and when one is set. */
  needs: v.optional(v.array(neededSecret)),
})
export type PipelineAnswer = v.InferOutput<typeof pipelineAnswer>

export const secretAnswer = v.looseObject({
  id: v.string(),
  key: v.string(),
  scope: v.string(),
  pipeline: v.optional(v.nullable(v.string())),
  updatedAt: v.string(),
  /** The last run that was given the value. */
  lastRun: v.optional(v.nullable(v.string())),
  lastUsedAt: v.optional(v.nullable(v.string())),
})
export type SecretAnswer = v.InferOutput<typeof secretAnswer>

/** `POST /api/secrets/rewrap`: how far the move to a new data key has come. Asked again until `finished`. */
export const rewrapAnswer = v.looseObject({
  key: v.string(),
  total: v.number(),
  done: v.number(),
  finished: v.boolean(),
  /** Those that do not open under any key. */
  failed: v.array(v.looseObject({ key: v.string(), scope: v.string() })),
})
export type RewrapAnswer = v.InferOutput<typeof rewrapAnswer>

const taskAnswer = v.looseObject({
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

/** How often a secret was kept out of the output of a task or, under the pipeline's name, of all else. */
const redactionAnswer = v.looseObject({ secret: v.string(), in: v.string(), hits: v.number() })

export const runAnswer = v.looseObject({
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
  tasks: v.optional(v.array(taskAnswer)),
  /** How far it is: the number of its last event. */
  lastEventId: v.optional(v.number()),
  /** Since when its log is not kept any more. */
  logRemovedAt: v.optional(v.nullable(v.string())),
  /** Known when the run has ended. */
  redactions: v.optional(v.array(redactionAnswer)),
})
export type RunAnswer = v.InferOutput<typeof runAnswer>

/** The answer to `POST /api/runs/:id/resume`: what comes of it has event numbers over `lastEventId`. */
export const runResumed = v.looseObject({ run_id: v.string(), attempt: v.number(), lastEventId: v.number() })
export type RunResumed = v.InferOutput<typeof runResumed>

export const runStarted = v.looseObject({ run_id: v.string() })

/**
 * `GET /api/v1/profile`: who the presented credential belongs to. The token check of every login. What our
 * server answers; a client reads less of it, because other servers have this route as well.
 */
export interface ProfileAnswer {
  id: string
  email: string | null
  name: string | null
  nickName: string | null
  provider: string
  role: string
  tenant: string
  scopes: string[]
}

/** One of `GET /api/v1/tenants`: a tenant that the caller is a member of. */
export const tenantAnswer = v.looseObject({
  id: v.string(),
  slug: v.string(),
  name: v.nullish(v.string()),
  /** What the caller is there. */
  role: v.nullish(v.string()),
  /** The call itself was made in it. */
  current: v.optional(v.boolean()),
})
export type TenantAnswer = v.InferOutput<typeof tenantAnswer>

export const healthAnswer = v.looseObject({
  status: v.literal('ok'),
  version: v.string(),
  strategy: v.picklist(['open', 'basic', 'oauth']),
})

/** Any error of the API. OAuth routes have RFC 6749's shape instead. */
export const errorAnswer = v.looseObject({ error: v.string(), message: v.optional(v.string()) })

import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import { namedRecord } from '../../contract/names.ts'

/** No task is let run for longer; also what a timer can count. */
const MAX_TIMEOUT_MS = 7 * 24 * 60 * 60 * 1000
const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** A NUL would end the text early wherever the system takes it. */
const text = v.pipe(
  v.string(),
  v.check((value) => !value.includes('\0'), 'contains a NUL'),
)

/** Milliseconds, or a number with a unit: `500ms`, `30s`, `5m`, `1h`. */
const duration = v.pipe(
  v.union([
    v.number(),
    v.pipe(
      v.string(),
      v.regex(/^\d+(?:\.\d+)?(?:ms|s|m|h)$/, 'is not a duration such as 500ms, 30s, 5m or 1h'),
      v.transform((value) => parseFloat(value) * UNITS[value.replace(/[\d.]+/, '') as keyof typeof UNITS]),
    ),
  ]),
  v.minValue(1, 'is under 1 ms'),
  v.maxValue(MAX_TIMEOUT_MS, 'is over 7 days'),
)

/** What a script hands to `runtime.run` (contract §6). A misspelt field is an error, not a silent default. */
const taskRequest = v.strictObject({
  name: v.pipe(text, v.nonEmpty('is empty'), v.maxLength(200, 'has over 200 characters')),
  image: v.optional(text),
  command: v.strictObject({
    path: v.pipe(text, v.nonEmpty('is empty')),
    args: v.optional(v.array(text), []),
    user: v.optional(text),
  }),
  env: v.optional(
    namedRecord(
      v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, 'is not a name for a variable')),
      v.union([text, v.number(), v.boolean()]),
    ),
    {},
  ),
  mounts: v.optional(v.unknown()),
  workDir: v.optional(text),
  stdin: v.optional(v.string()),
  timeout: v.optional(duration),
  limits: v.optional(v.unknown()),
})
export type TaskRequest = v.InferOutput<typeof taskRequest>

/** @throws Fault `usage` naming the field; it rejects the script's promise. */
export function parseTaskRequest(params: unknown): TaskRequest {
  const parsed = v.safeParse(taskRequest, params)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const field = v.getDotPath(issue) ?? 'its argument'
  // Our own words do not repeat the value, and valibot's are cut before they could.
  throw new Fault(
    'usage',
    `runtime.run: ${field} ${issue.message.replace(/^Invalid .*$/s, 'has the wrong type')}`,
  )
}

/** Parses what a script passes to `runtime`, sandboxes and `volumes`. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { namedRecord } from '../../../contract/refuse-object-prototype-names.ts'
import { reasonOf } from '../parse-host-call-fields.ts'

/** No task may run for longer; a timer of the system cannot wait for more than 24 days. */
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

const MEMORY_UNITS = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** Bytes, or a number with a unit: `64k`, `512m`, `2g`. */
const memory = v.pipe(
  v.union([
    v.number(),
    v.pipe(
      v.string(),
      v.regex(/^\d+(?:\.\d+)?[kmg]?$/i, 'is not an amount of memory such as 512m or 2g'),
      v.transform((value) => {
        const unit = value.replace(/[\d.]+/, '').toLowerCase() as keyof typeof MEMORY_UNITS
        return Math.floor(parseFloat(value) * MEMORY_UNITS[unit])
      }),
    ),
  ]),
  v.integer('is not a whole number of bytes'),
  v.minValue(1024 ** 2, 'is under 1 MiB'),
)

const limits = v.optional(
  v.pipe(
    v.strictObject({
      memory: v.optional(memory),
      cpus: v.optional(
        v.pipe(v.number(), v.minValue(0.01, 'is under 0.01'), v.maxValue(4096, 'is over 4096')),
      ),
      processes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1, 'is under 1'))),
    }),
    v.transform(({ memory: memoryBytes, cpus, processes }) => ({ memoryBytes, cpus, processes })),
  ),
  {},
)

const volumeName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'is not a name of letters, digits, ".", "_" and "-"'),
)
/** As `volumes.create` gave it, or its name. */
const volume = v.union([
  volumeName,
  v.pipe(
    v.object({ name: volumeName }),
    v.transform(({ name }) => name),
  ),
])
const mountPath = v.pipe(
  text,
  v.nonEmpty('is empty'),
  v.maxLength(4096, 'is too long'),
  v.check((path) => !path.split('/').includes('..'), 'leads out of the task'),
)
const mounts = v.optional(
  v.pipe(
    namedRecord(mountPath, volume),
    v.transform((map) => Object.entries(map).map(([path, name]) => ({ path, volume: name }))),
    v.maxLength(32, 'has over 32 entries'),
  ),
  {},
)

const taskName = v.pipe(text, v.nonEmpty('is empty'), v.maxLength(200, 'has over 200 characters'))
const env = v.optional(
  namedRecord(
    v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, 'is not a name for a variable')),
    v.union([text, v.number(), v.boolean()]),
  ),
  {},
)
const command = v.strictObject({
  path: v.pipe(text, v.nonEmpty('is empty')),
  args: v.optional(v.array(text), []),
  user: v.optional(text),
})
const process = {
  command,
  env,
  workDir: v.optional(text),
  stdin: v.optional(v.string()),
  timeout: v.optional(duration),
  /** For the script's own VM, which judges its end: a failure of this task is meant. */
  allowFailure: v.optional(v.boolean()),
}
const place = { name: taskName, image: v.optional(text), env, mounts, limits }
const sandboxId = v.pipe(v.number(), v.integer(), v.minValue(1))

/** What a script passes to `runtime.run`. A misspelt field is an error, not a silent default. */
const taskRequest = v.strictObject({ ...place, ...process })
export type TaskRequest = v.InferOutput<typeof taskRequest>

/** @throws Fault `usage` naming the field, as do all functions here; it rejects the promise of the script */
export function parseTaskRequest(params: unknown): TaskRequest {
  return parse('runtime.run', taskRequest, params)
}

/** Of `startSandbox`. */
export function parseSandbox(params: unknown) {
  return parse('runtime.startSandbox', v.strictObject(place), params)
}

/** Of a sandbox's `exec`. */
export function parseExec(params: unknown) {
  return parse('exec', v.strictObject({ id: sandboxId, name: taskName, ...process }), params)
}

export function parseSandboxId(params: unknown): number {
  return parse('close', v.strictObject({ id: sandboxId }), params).id
}

/** Of `volumes.create`. */
export function parseVolume(params: unknown): { name?: string | undefined } {
  return parse('volumes.create', v.strictObject({ name: v.optional(volumeName) }), params)
}

function parse<S extends v.GenericSchema>(method: string, schema: S, params: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, params)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const field = v.getDotPath(issue)?.slice(0, 100) ?? 'its argument'
  throw new Fault('usage', `${method}: ${field} ${reasonOf(issue)}`)
}

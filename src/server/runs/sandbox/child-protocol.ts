/**
 * The lines of JSON between the server and the child process of a script. The child runs other people's code, so the
 * server accepts nothing from it that does not fit a schema here, and no line over `MAX_LINE_BYTES`.
 */
import * as v from 'valibot'

export const MAX_LINE_BYTES = 4 * 1024 * 1024
/** The child splits what the script prints into pieces of this many UTF-16 units. */
export const LOG_PIECE_LENGTH = 32 * 1024

export interface SandboxLimits {
  /** What the script's VM may allocate. */
  memoryBytes: number
  /** The VM's own stack; more than 384 KiB overflows the stack under it. */
  stackBytes: number
  /** Time inside the VM, over the whole run. Waiting for a task costs nothing. */
  cpuMs: number
  /** What the whole child process may hold in memory; with more, the server kills it (Linux). */
  residentBytes: number
  /** From the start of the process to its first message. */
  startMs: number
  /** Processor time of the child over twice `cpuMs`: its start, and its threads that collect garbage and compile. */
  overheadMs: number
}

export const SANDBOX_LIMITS: SandboxLimits = {
  memoryBytes: 64 * 1024 * 1024,
  stackBytes: 256 * 1024,
  cpuMs: 10_000,
  residentBytes: 512 * 1024 * 1024,
  startMs: 15_000,
  overheadMs: 2000,
}

const pipelineContext = v.object({
  runID: v.string(),
  pipelineID: v.string(),
  pipeline: v.string(),
  driver: v.string(),
  triggeredBy: v.string(),
  args: v.array(v.string()),
  task: v.nullable(v.string()),
  tenant: v.string(),
})
/** What the script sees as `pipelineContext`. */
export type PipelineContext = v.InferOutput<typeof pipelineContext>

const limits = v.object({ memoryBytes: v.number(), stackBytes: v.number(), cpuMs: v.number() })

/** From the server to the child. */
export const parentMessage = v.variant('type', [
  /** The first message, possibly long before the script. */
  v.object({ type: v.literal('prepare'), limits }),
  v.object({
    type: v.literal('run'),
    source: v.string(),
    filename: v.string(),
    context: pipelineContext,
    /** The request of a webhook that started the run. */
    request: v.optional(v.unknown()),
    /** 32 hexadecimal digits, from which all randomness of the script comes. */
    seed: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
    /** Milliseconds since 1970, for the script: its clock moves only with the responses. */
    now: v.number(),
  }),
  v.object({ type: v.literal('check'), source: v.string(), filename: v.string() }),
  /** `json` is the value of the call, or `{message}` where it failed; `now` as above. */
  v.object({
    type: v.literal('response'),
    id: v.number(),
    ok: v.boolean(),
    json: v.string(),
    now: v.number(),
  }),
])
export type ParentMessage = v.InferOutput<typeof parentMessage>

const position = v.pipe(v.number(), v.integer(), v.minValue(1))
const scriptError = v.object({
  message: v.pipe(v.string(), v.maxLength(64 * 1024)),
  /** 1-based, in the source as written. */
  line: v.optional(position),
  column: v.optional(position),
  /** The line itself. */
  text: v.optional(v.pipe(v.string(), v.maxLength(1024))),
  /** How to correct the script, where no single line is wrong. */
  hint: v.optional(v.pipe(v.string(), v.maxLength(1024))),
})
export type ScriptError = v.InferOutput<typeof scriptError>

/** `deploy.ts:3:14: message`, as far as the place is known. */
export function errorText(filename: string, { message, line, column }: ScriptError): string {
  const place = [filename, line, column].filter((part) => part !== undefined).join(':')
  return `${place}: ${message}`
}

/** From the child to the server. */
export const childMessage = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  /** The child waits, and has handled this many messages of the server. */
  v.object({ type: v.literal('idle'), handled: v.pipe(v.number(), v.integer(), v.minValue(0)) }),
  v.object({
    type: v.literal('log'),
    stream: v.picklist(['stdout', 'stderr']),
    data: v.pipe(v.string(), v.maxLength(LOG_PIECE_LENGTH)),
  }),
  v.object({
    type: v.literal('call'),
    /** 1, 2, 3 … */
    id: v.pipe(v.number(), v.integer(), v.minValue(1)),
    method: v.pipe(v.string(), v.maxLength(64)),
    json: v.string(),
    /** Whether the script is blocked until the response comes. */
    sync: v.boolean(),
  }),
  /** The script does not wait for the response to this call any more. */
  v.object({ type: v.literal('drop'), id: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
  v.object({ type: v.literal('done') }),
  v.object({ type: v.literal('failed'), error: scriptError }),
  /** The script ended, and tasks failed that it did not look at. */
  v.object({ type: v.literal('overlooked'), message: v.pipe(v.string(), v.maxLength(64 * 1024)) }),
])
export type ChildMessage = v.InferOutput<typeof childMessage>

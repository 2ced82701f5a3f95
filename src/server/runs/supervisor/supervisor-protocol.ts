/**
 * The messages between a server and the process that runs its tasks. `hello` and the numbers of the frames never
 * change; anything else may change together with `PROTOCOL`.
 */
import * as v from 'valibot'

export const PROTOCOL = 1

const offsets = v.object({ stdout: v.number(), stderr: v.number() })

/** `RUN/NUMBER` */
const key = v.pipe(v.string(), v.maxLength(200))

/** Everything that a process is started with. */
const taskSpec = v.object({
  task: key,
  runFolder: v.string(),
  number: v.number(),
  /** Its own folder, or the sandbox's. */
  home: v.string(),
  cwd: v.string(),
  path: v.string(),
  args: v.array(v.string()),
  env: v.record(v.string(), v.string()),
  stdin: v.optional(v.string()),
  timeoutMs: v.optional(v.number()),
  /** Between TERM and KILL. */
  graceMs: v.number(),
  sandbox: v.optional(key),
})
export type SupervisedSpec = v.InferOutput<typeof taskSpec>

/** Questions with the reply true or false. */
const question = v.variant('type', [
  /** False when there is such a task already, or no such sandbox. Otherwise its output and end follow. */
  v.object({ type: v.literal('start'), spec: taskSpec }),
  /** Output and end are sent from then on. False when there is no such task, or its buffer starts later. */
  v.object({ type: v.literal('attach'), task: key, from: offsets }),
  v.object({ type: v.literal('endRun'), runId: v.string() }),
  v.object({ type: v.literal('endOthers'), runIds: v.array(v.string()) }),
  v.object({
    type: v.literal('openSandbox'),
    sandbox: key,
    home: v.string(),
    env: v.record(v.string(), v.string()),
  }),
  v.object({ type: v.literal('hasSandbox'), sandbox: key }),
  v.object({ type: v.literal('closeSandbox'), sandbox: key }),
])
export type Question = v.InferOutput<typeof question>

export const fromServer = v.variant('type', [
  v.object({ type: v.literal('hello'), protocol: v.number() }),
  v.object({ type: v.literal('ask'), ask: v.number(), question }),
  /** How much output has been received, and how much is stored and need never be sent again. */
  v.object({ type: v.literal('taken'), task: key, taken: offsets, stored: offsets }),
  /** TERM, then KILL. */
  v.object({ type: v.literal('end'), task: key }),
  /** No server will need the remaining tasks: the supervisor ends. */
  v.object({ type: v.literal('bye') }),
])
export type FromServer = v.InferOutput<typeof fromServer>

export const controlMessage = v.variant('type', [
  /** `held`: the number of tasks and sandboxes that can be reattached to. */
  v.object({ type: v.literal('welcome'), protocol: v.number(), version: v.string(), held: v.number() }),
  v.object({ type: v.literal('answer'), ask: v.number(), value: v.boolean() }),
  /** Sent after all output. */
  v.object({
    type: v.literal('ended'),
    task: key,
    status: v.picklist(['success', 'failure', 'abort', 'error']),
    code: v.number(),
  }),
])

export type Stream = 'stdout' | 'stderr'

/** A piece of a task's output. It has a frame of its own kind, as bytes. */
export interface OutputMessage {
  type: 'output'
  task: string
  stream: Stream
  bytes: Uint8Array
}

export type FromSupervisor = v.InferOutput<typeof controlMessage> | OutputMessage

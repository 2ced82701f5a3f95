/**
 * What a server and the process that runs its tasks say to each other. `hello` and the numbers of the frames
 * never change; anything else may, together with `PROTOCOL`.
 */
import * as v from 'valibot'

export const PROTOCOL = 1

const offsets = v.object({ stdout: v.number(), stderr: v.number() })

/** `RUN/NUMBER` */
const key = v.pipe(v.string(), v.maxLength(200))

/** Everything that a process is begun with. */
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

/** What is answered by true or false. */
const question = v.variant('type', [
  /** False where there is such a task already, or no such sandbox. Else its output and end follow by themselves. */
  v.object({ type: v.literal('start'), spec: taskSpec }),
  /** From then on, output and the end are sent. False where there is no such task, or not so much of it. */
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
  /** How far the output has been taken, and how far it need never be sent again. */
  v.object({ type: v.literal('taken'), task: key, taken: offsets, stored: offsets }),
  /** TERM, then KILL. */
  v.object({ type: v.literal('end'), task: key }),
  /** No server will come for what is here. */
  v.object({ type: v.literal('bye') }),
])
export type FromServer = v.InferOutput<typeof fromServer>

export const controlMessage = v.variant('type', [
  /** `held`: how many tasks and sandboxes there are to be taken up. */
  v.object({ type: v.literal('welcome'), protocol: v.number(), version: v.string(), held: v.number() }),
  v.object({ type: v.literal('answer'), ask: v.number(), value: v.boolean() }),
  /** After all of the output. */
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

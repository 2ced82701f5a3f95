/** Starts the process that acts as a server, gives it orders, and kills it. */
import { join } from 'node:path'
import * as v from 'valibot'
import type {
  PlaceSpec,
  TaskEnd,
  TaskId,
  TaskSpec,
} from '../../../../src/server/runs/drivers/driver-interface.ts'
import { report } from './act-as-server.ts'

/** What a server is told to do that is going to be killed. Environments are plain text here. */
export type Order =
  | { type: 'run'; spec: TaskSpec }
  | { type: 'reattach'; task: TaskId }
  | { type: 'openSandbox'; spec: PlaceSpec }

export interface Victim {
  /** Orders are carried out one after the other, but none waits for a task's end. */
  order(order: Order): void
  /** What of the task's output has reached the server. */
  said(stream: 'stdout' | 'stderr'): string
  /** What of it the server has said to be stored: a little less, and cut anywhere. */
  stored(): Record<'stdout' | 'stderr', Buffer>
  ended(): TaskEnd | undefined
  /** SIGKILL. */
  kill(): Promise<void>
}

/** @param before what servers before it have stored of the same task */
export function startVictim(
  entry: string,
  folder: string,
  before: Record<'stdout' | 'stderr', Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) },
): Victim {
  const offsets = JSON.stringify({ stdout: before.stdout.length, stderr: before.stderr.length })
  const child = Bun.spawn([process.execPath, join(import.meta.dir, entry), folder, offsets], {
    // As it is now: without being told, Bun hands on what it was started with.
    env: { ...process.env },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const output = { ...before }
  let storedAt = { stdout: before.stdout.length, stderr: before.stderr.length }
  let ended: TaskEnd | undefined

  async function listen(): Promise<void> {
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) take(v.parse(report, JSON.parse(line)))
    }
  }
  function take(said: v.InferOutput<typeof report>): void {
    if (said.type === 'output') {
      output[said.stream] = Buffer.concat([output[said.stream], Buffer.from(said.data, 'base64')])
    }
    if (said.type === 'stored') storedAt = said
    if (said.type === 'ended') ended = said
  }
  const listening = listen()

  return {
    order: (order) => {
      void child.stdin.write(`${JSON.stringify(order)}\n`)
      void child.stdin.flush()
    },
    said: (stream) => output[stream].toString(),
    stored: () => ({
      stdout: output.stdout.subarray(0, storedAt.stdout),
      stderr: output.stderr.subarray(0, storedAt.stderr),
    }),
    ended: () => ended,
    kill: async () => {
      child.kill('SIGKILL')
      await child.exited
      // What it had written is still in the pipe.
      await listening
    },
  }
}

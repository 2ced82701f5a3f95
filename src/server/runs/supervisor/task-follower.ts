import type { Offsets, TaskEnd, TaskSinks } from '../drivers/driver.ts'
import type { FromServer, Stream } from './supervisor-protocol.ts'

/** The server's side of one task: hands its output to the sinks, and says how far that has got. */
export interface Follower {
  output(stream: Stream, bytes: Uint8Array): void
  ended(end: TaskEnd): void
  /** Nothing more will be heard of it. */
  lost(error: Error): void
  /** Says what has been stored since the last time. @returns whether there is nothing left to say. */
  sync(): boolean
  /** The end, after all output has been taken. @throws what a sink threw, or what it was lost for */
  result: Promise<TaskEnd>
}

export interface FollowerOptions {
  task: string
  /** What the sinks have already. */
  from: Offsets
  sinks: TaskSinks
  tell(message: FromServer): void
}

export function createFollower({ task, from, sinks, tell }: FollowerOptions): Follower {
  const taken = { ...from }
  let said: Offsets = { ...from }
  let failed: { error: unknown } | undefined
  let isOver = false
  const queues = { stdout: Promise.resolve(), stderr: Promise.resolve() }
  const { promise: result, resolve, reject } = Promise.withResolvers<TaskEnd>()

  /** Never rejects: output that cannot be kept ends the task, since nobody would see what it does. */
  async function deliver(stream: Stream, bytes: Uint8Array): Promise<void> {
    try {
      if (!failed) await sinks[stream](bytes)
    } catch (error) {
      failed ??= { error }
      tell({ type: 'end', task })
    }
    taken[stream] += bytes.length
    say()
  }

  function say(): void {
    const stored = failed ? taken : sinks.stored()
    said = { stdout: Math.min(stored.stdout, taken.stdout), stderr: Math.min(stored.stderr, taken.stderr) }
    tell({ type: 'taken', task, taken: { ...taken }, stored: said })
  }

  /** Once all output that came has been taken. */
  async function settle(how: () => void): Promise<void> {
    await Promise.all([queues.stdout, queues.stderr])
    isOver = true
    if (failed) reject(failed.error)
    else how()
  }

  return {
    output: (stream, bytes) => {
      queues[stream] = queues[stream].then(() => deliver(stream, bytes))
    },
    ended: (how) => void settle(() => resolve(how)),
    lost: (error) => void settle(() => reject(error)),
    sync: () => {
      const stored = sinks.stored()
      if (!failed && (stored.stdout > said.stdout || stored.stderr > said.stderr)) say()
      return isOver && (failed !== undefined || isAll(said, taken))
    },
    result,
  }
}

function isAll(stored: Offsets, taken: Offsets): boolean {
  return stored.stdout >= taken.stdout && stored.stderr >= taken.stderr
}

/** The server's side of one running task: passes its output on and reports how much has been stored. */
import type { Offsets, TaskEnd, TaskSinks } from '../drivers/driver-interface.ts'
import type { FromServer, Stream } from './supervisor-protocol.ts'

/** Passes the output of one task to its sinks, and reports the offsets to the supervisor. */
export interface Follower {
  output(stream: Stream, bytes: Uint8Array): void
  ended(end: TaskEnd): void
  /** The supervisor is lost: nothing more will come. */
  lost(error: Error): void
  /** Reports what has been stored since the last report. @returns whether nothing is left to report */
  sync(): boolean
  /** The end, after all output has been passed on. @throws what a sink threw, or the error given to `lost` */
  result: Promise<TaskEnd>
}

export interface FollowerOptions {
  task: string
  /** The offsets that the sinks have already. */
  from: Offsets
  sinks: TaskSinks
  tell(message: FromServer): void
}

/** Much less than a supervisor buffers before a task has to wait. */
const REPORT_BYTES = 256 * 1024

export function createFollower({ task, from, sinks, tell }: FollowerOptions): Follower {
  const taken = { ...from }
  let said: Offsets = { ...from }
  let failed: { error: unknown } | undefined
  let isOver = false
  /** Pieces that wait for a sink, and how many bytes were taken when that was last reported. */
  let waiting = 0
  let reported = 0
  const queues = { stdout: Promise.resolve(), stderr: Promise.resolve() }
  const { promise: result, resolve, reject } = Promise.withResolvers<TaskEnd>()

  /** Never rejects: a task whose output cannot be stored is stopped, because nobody would see what it does. */
  async function deliver(stream: Stream, bytes: Uint8Array): Promise<void> {
    try {
      if (!failed) await sinks[stream](bytes)
    } catch (error) {
      failed ??= { error }
      tell({ type: 'end', task })
    }
    taken[stream] += bytes.length
    waiting -= 1
    if (waiting === 0 || taken.stdout + taken.stderr - reported >= REPORT_BYTES) say()
  }

  function say(): void {
    const stored = failed ? taken : sinks.stored()
    reported = taken.stdout + taken.stderr
    said = { stdout: Math.min(stored.stdout, taken.stdout), stderr: Math.min(stored.stderr, taken.stderr) }
    tell({ type: 'taken', task, taken: { ...taken }, stored: said })
  }

  /** Settles once all received output has been passed on. */
  async function settle(how: () => void): Promise<void> {
    await Promise.all([queues.stdout, queues.stderr])
    isOver = true
    if (failed) reject(failed.error)
    else how()
  }

  return {
    output: (stream, bytes) => {
      waiting += 1
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

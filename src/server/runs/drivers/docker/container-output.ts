/** The output of a task's container on its way to the log, with start failures told apart from output. */
import type { Offsets, TaskSinks } from '../driver-interface.ts'
import type { Piece } from './demultiplex-output.ts'

/**
 * What Docker's init, or the daemon for a task in a sandbox, writes in place of output when a program cannot be started.
 * Only this text distinguishes a failed start from a program that ends with the same code.
 */
const NOT_STARTED = [
  { stream: 'stderr', start: '[FATAL tini (', whole: /^\[FATAL tini \(\d+\)\] exec (.*) failed: (.*)\n$/s },
  {
    stream: 'stdout',
    start: 'OCI runtime exec failed: ',
    whole: /^OCI runtime exec failed: exec failed: .*?exec: "(.*)": (.*): unknown\r?\n$/s,
  },
  { stream: 'stdout', start: 'OCI runtime exec failed: ', whole: /^OCI runtime (exec) failed: (.*)\r?\n$/s },
] as const
const CODES = new Set([126, 127])
const MAX_HELD_BYTES = 64 * 1024

type Stream = Piece['stream']

/** A sink threw: the output cannot be stored. `cause` is what it threw. */
export class SinkFailed extends Error {}

/** A task's output on its way from the daemon to the sinks. */
export interface Output {
  /** The daemon sends everything again from the first byte. What was passed on before is skipped. */
  again(): void
  take(piece: Piece): Promise<void>
  /** A message of the driver on stderr. It counts as output of the task. */
  say(text: string): Promise<void>
  /** @param code the exit code. @returns the same, or the code of a shell for a program that did not start */
  end(code: number): Promise<{ hasBegun: boolean; code: number }>
}

/**
 * @param skip how many bytes of each stream, counted from the start, need not be passed on.
 */
export function createOutput(sinks: Omit<TaskSinks, 'stored'>, skip: Offsets): Output {
  const left = { ...skip }
  /** Offsets in the stream of the daemon: how much was passed on, and the current position. */
  const taken = { stdout: 0, stderr: 0 }
  let at = { stdout: 0, stderr: 0 }
  /** The start of each stream, while it may still be the message of a failed start. */
  const held: Record<Stream, Buffer | undefined> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }

  async function give(stream: Stream, bytes: Uint8Array): Promise<void> {
    const rest = bytes.subarray(left[stream])
    left[stream] -= bytes.length - rest.length
    if (rest.length === 0) return
    try {
      await sinks[stream](rest)
    } catch (cause) {
      throw new SinkFailed('output cannot be kept', { cause })
    }
  }

  async function take({ stream, bytes }: Piece): Promise<void> {
    const fresh = bytes.subarray(Math.max(0, taken[stream] - at[stream]))
    at[stream] += bytes.length
    taken[stream] += fresh.length
    if (fresh.length === 0) return
    const before = held[stream]
    if (before === undefined) return await give(stream, fresh)
    const all = Buffer.concat([before, fresh])
    held[stream] = all
    if (all.length > MAX_HELD_BYTES || !mayBeWord(stream, all)) await release(stream)
  }

  async function release(stream: Stream): Promise<void> {
    const bytes = held[stream] ?? Buffer.alloc(0)
    held[stream] = undefined
    await give(stream, bytes)
  }

  async function end(code: number): Promise<{ hasBegun: boolean; code: number }> {
    const said = CODES.has(code)
      ? NOT_STARTED.map(({ stream, whole }) => whole.exec(String(held[stream])))
      : []
    const [, program, why = ''] = said.find((match) => match !== null) ?? []
    if (program === undefined) {
      await release('stdout')
      await release('stderr')
      return { hasBegun: true, code }
    }
    const reason = why
      .replace(/^stat .*?: /, '')
      .replace(/^No /, 'no ')
      .replace(/^Permission /, 'permission ')
    await give('stderr', Buffer.from(`${program}: ${reason}\n`))
    return { hasBegun: false, code: /not found|no such file/i.test(why) ? 127 : 126 }
  }

  return {
    again: () => void (at = { stdout: 0, stderr: 0 }),
    take,
    say: async (text) => await give('stderr', Buffer.from(text)),
    end,
  }
}

function mayBeWord(stream: Stream, bytes: Buffer): boolean {
  return NOT_STARTED.some(({ stream: its, start }) => {
    const length = Math.min(start.length, bytes.length)
    return its === stream && start.startsWith(bytes.toString('latin1', 0, length))
  })
}

import type { Offsets, TaskSinks } from '../driver.ts'
import type { Piece } from './multiplexed-output.ts'

/**
 * What is said in place of a program's output when the program cannot be started: by Docker's init, and by the
 * daemon of a task in a sandbox. Nothing else tells that from a program that ends with such a code.
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

/** A sink threw: the output cannot be kept. `cause` is what it threw. */
export class SinkFailed extends Error {}

/** A task's output on its way from the daemon to the sinks. */
export interface Output {
  /** The daemon tells it all once more, from the first byte. What was taken before is passed over. */
  again(): void
  take(piece: Piece): Promise<void>
  /** A word of the driver's own on stderr. It counts like the task's. */
  say(text: string): Promise<void>
  /** @param code with which it ended. @returns the same, or as a shell would have it for what did not begin */
  end(code: number): Promise<{ hasBegun: boolean; code: number }>
}

/**
 * @param skip what need not be handed over: so many bytes of each stream, counted from the very beginning.
 */
export function createOutput(sinks: Omit<TaskSinks, 'stored'>, skip: Offsets): Output {
  const left = { ...skip }
  /** Of what the daemon tells: how much was taken, and where it is now. */
  const taken = { stdout: 0, stderr: 0 }
  let at = { stdout: 0, stderr: 0 }
  /** The beginning of each, for as long as it may be such a word. */
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

/** The output of a script itself on its way to the log. */
import type { Redactor } from '../../../redact/redactor.ts'
import type { Offsets } from '../drivers/driver-interface.ts'
import type { RunJournal } from '../journal/run-journal-type.ts'
import { createOutput } from './redact-and-store-output.ts'

export interface Console {
  write(stream: 'stdout' | 'stderr', text: string): Promise<void>
  /** The script starts again and prints once more what it has printed already: that is skipped. */
  restart(): void
  end(): Promise<void>
}

/** @param stored how much of the output is in the log already */
export function createConsole(redactor: Redactor, journal: RunJournal, stored: Offsets): Console {
  const open = (stream: 'stdout' | 'stderr') => {
    const before = { bytes: stored[stream], tail: '' }
    const store = (pieces: Uint8Array[], bytes: number) =>
      journal.log(
        pieces.map((data) => ({ stream, data })),
        { number: 0, stream, bytes },
      )
    return { output: createOutput(redactor.stream(), store, before), taken: before.bytes, printed: 0 }
  }
  const streams = { stdout: open('stdout'), stderr: open('stderr') }

  async function write(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    const own = streams[stream]
    const bytes = new TextEncoder().encode(text)
    own.printed += bytes.length
    const fresh = own.printed - own.taken
    if (fresh <= 0) return
    own.taken = own.printed
    await own.output.write(bytes.subarray(Math.max(0, bytes.length - fresh)))
  }

  return {
    write,
    restart: () => {
      for (const own of Object.values(streams)) own.printed = 0
    },
    end: async () => {
      for (const { output } of Object.values(streams)) await output.end()
    },
  }
}

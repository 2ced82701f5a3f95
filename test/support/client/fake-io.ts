/** Standard streams in memory. */
import type { Io } from '../../../src/platform/terminal/standard-streams.ts'
import { readLines } from '../../../src/platform/terminal/read-lines.ts'

export interface FakeIo extends Io {
  /** What was written so far. */
  out(): string
  err(): string
}

/** Streams in memory. `stdin` is what a pipe would bring. */
export function fakeIo(options: { stdin?: string | Uint8Array; terminal?: boolean } = {}): FakeIo {
  const terminal = options.terminal === true
  const bytes = () => new Uint8Array(Buffer.from(options.stdin ?? ''))
  let out = ''
  let err = ''
  return {
    stdin: {
      isTerminal: terminal && options.stdin === undefined,
      readAll: async (limit) => {
        const { stdin = '' } = options
        const bytes = typeof stdin === 'string' ? new TextEncoder().encode(stdin) : stdin
        return bytes.length > limit ? null : bytes
      },
      lines: () => readLines(() => new Blob([bytes()]).stream()),
      chunks: () => new Blob([bytes()]).stream(),
    },
    stdout: {
      isTerminal: terminal,
      columns: 80,
      write: (text) => void (out += text),
      send: async (text) => void (out += text),
    },
    stderr: { isTerminal: terminal, columns: 80, write: (text) => void (err += text) },
    out: () => out,
    err: () => err,
  }
}

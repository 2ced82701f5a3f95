/** The child's end of its pipes to the server. */
import { readSync, writeSync } from 'node:fs'
import * as v from 'valibot'
import { type ChildMessage, type ParentMessage, parentMessage } from '../child-protocol.ts'

/** Everything blocks: while the child waits there is nothing else to do. */
export interface Port {
  /** Waits for the next message of the server; undefined when the server has ended. */
  read(): ParentMessage | undefined
  /** Waits while the server is busy, which slows down a script that prints too fast. */
  write(message: ChildMessage): void
}

export function openPort(): Port {
  const chunk = Buffer.alloc(256 * 1024)
  const pieces: Buffer[] = []
  let rest: Buffer = Buffer.alloc(0)

  function read(): ParentMessage | undefined {
    for (;;) {
      const end = rest.indexOf(10)
      if (end >= 0) {
        const line = Buffer.concat([...pieces, rest.subarray(0, end)]).toString('utf8')
        pieces.length = 0
        rest = rest.subarray(end + 1)
        return v.parse(parentMessage, JSON.parse(line))
      }
      if (rest.length > 0) pieces.push(rest)
      const count = retry(() => readSync(0, chunk))
      if (count === 0) return undefined
      rest = Buffer.from(chunk.subarray(0, count))
    }
  }

  return { read, write }
}

function write(message: ChildMessage): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let at = 0; at < line.length;) {
    at += retry(() => writeSync(1, line, at, line.length - at))
  }
}

/** On some systems the pipes of a child do not block. */
function retry(attempt: () => number): number {
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
  }
}

/** Splits the daemon's one stream of a task's output into stdout and stderr. */
/** The length of the header before each piece of output. */
const HEADER_BYTES = 8
const STREAMS = ['stdin', 'stdout', 'stderr'] as const

export interface Piece {
  stream: 'stdout' | 'stderr'
  bytes: Uint8Array
}

/**
 * Splits the one stream in which the daemon sends stdout and stderr of a task without a terminal (Engine API, "Attach to a
 * container"): one byte for the stream, three zero bytes, the length as 32 bits big-endian, the bytes.
 * A piece is passed on as it arrives, so a long one costs no memory.
 * @throws Error for a stream of another form, and for one that ends in the middle of a piece
 */
export async function* readFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Piece, void> {
  const header = Buffer.alloc(HEADER_BYTES)
  let headerLength = 0
  let left = 0
  let stream: 'stdout' | 'stderr' = 'stdout'
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      if (left > 0) {
        const bytes = chunk.subarray(at, at + left)
        at += bytes.length
        left -= bytes.length
        yield { stream, bytes }
        continue
      }
      const part = chunk.subarray(at, at + HEADER_BYTES - headerLength)
      header.set(part, headerLength)
      headerLength += part.length
      at += part.length
      if (headerLength < HEADER_BYTES) break
      headerLength = 0
      stream = streamOf(header)
      left = header.readUInt32BE(4)
    }
  }
  if (left > 0 || headerLength > 0) throw new Error("the daemon's stream ends in the middle of a piece")
}

function streamOf(header: Buffer): 'stdout' | 'stderr' {
  const stream = STREAMS[header.readUInt8(0)]
  if (stream === undefined || stream === 'stdin' || header.readUIntBE(1, 3) !== 0) {
    throw new Error("the daemon's stream is not output of a task")
  }
  return stream
}

/** Messages on a byte stream: one a line, of bounded length. */

/** Far more than a message of a host has; a response to a sampling request can hold pictures. */
const MAX_LINE_BYTES = 64 * 1024 * 1024

/** A line; `too-long` in place of one that is over the bound, whose bytes are passed over. */
export type Line = { kind: 'line'; text: string } | { kind: 'too-long' }

/** Empty lines are passed over. The next chunk is read when the lines of the last one are taken. */
export async function* readMessageLines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<Line> {
  let parts: Uint8Array[] = []
  let size = 0
  const take = (): Line | undefined => {
    const isTooLong = size > maxBytes
    const text = isTooLong ? '' : Buffer.concat(parts).toString('utf8').trim()
    parts = []
    size = 0
    if (isTooLong) return { kind: 'too-long' }
    return text === '' ? undefined : { kind: 'line', text }
  }
  for await (const chunk of chunks) {
    let from = 0
    for (;;) {
      const end = chunk.indexOf(0x0a, from)
      const part = chunk.subarray(from, end === -1 ? undefined : end)
      size += part.length
      if (size <= maxBytes) parts.push(part)
      else parts = []
      if (end === -1) break
      const line = take()
      if (line !== undefined) yield line
      from = end + 1
    }
  }
  const last = take()
  if (last !== undefined) yield last
}

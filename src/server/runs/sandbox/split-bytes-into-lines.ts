/** Lines out of bytes that arrive in pieces, up to a length. */
/** Splits bytes that arrive in pieces into lines, without their line ends. @throws Error for a line over `maxBytes` */
export function createLines(maxBytes: number): (chunk: Uint8Array) => string[] {
  let pieces: Uint8Array[] = []
  let length = 0
  return (chunk) => {
    const lines: string[] = []
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      lines.push(Buffer.concat([...pieces, chunk.subarray(from, end)]).toString('utf8'))
      pieces = []
      length = 0
      from = end + 1
    }
    if (from < chunk.length) pieces.push(chunk.slice(from))
    length += chunk.length - from
    if (length > maxBytes) throw new Error(`a line of over ${maxBytes} bytes`)
    return lines
  }
}

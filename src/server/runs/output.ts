import type { RedactingStream } from '../../redact/stream.ts'

/** A script is given at most this much of a task's output, its end. */
const MAX_RESULT_BYTES = 1024 * 1024
/** One log event holds at most this many UTF-16 units. */
const MAX_PIECE_LENGTH = 32 * 1024

/** One stream of output on its way to the log: redacted as bytes, then decoded, then stored. */
export interface Output {
  /** Resolves when the bytes are stored, so who writes goes no faster than the log. */
  write: (chunk: Uint8Array) => Promise<void>
  end(): Promise<void>
  /** The end of all that was written, redacted; `truncated` when there was more before it. */
  tail(): { text: string; truncated: boolean }
}

/**
 * @param redacting the stream's own; nothing of it is shared with another stream.
 * @param store takes a piece of redacted text; no character is split over two pieces.
 */
export function createOutput(redacting: RedactingStream, store: (text: string) => Promise<void>): Output {
  // Bytes that are no UTF-8 become U+FFFD; a byte order mark stays, as it is output like any other.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const kept = createTail(MAX_RESULT_BYTES)

  async function emit(redacted: readonly Uint8Array[], last: boolean): Promise<void> {
    let text = ''
    for (const bytes of redacted) {
      kept.add(bytes)
      text += decoder.decode(bytes, { stream: true })
    }
    if (last) text += decoder.decode()
    for (const piece of pieces(text)) await store(piece)
  }

  return {
    write: (chunk) => emit(redacting.push(chunk), false),
    end: () => emit(redacting.end(), true),
    tail: kept.read,
  }
}

function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + MAX_PIECE_LENGTH)
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1
    yield text.slice(at, end)
    at = end
  }
}

/** The last `most` bytes of what is added. */
function createTail(most: number) {
  let chunks: Uint8Array[] = []
  let length = 0
  let truncated = false

  function add(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    // A copy: the redactor's answer may share memory with a chunk that is used again.
    chunks.push(bytes.slice())
    length += bytes.length
    // Joined now and then, so that a million small chunks do not cost a million objects.
    if (length > 2 * most || chunks.length > 4096) compact()
  }

  function compact(): void {
    const all = Buffer.concat(chunks)
    if (all.length > most) truncated = true
    const rest = all.length > most ? Uint8Array.from(all.subarray(all.length - most)) : all
    chunks = [rest]
    length = rest.length
  }

  function read(): { text: string; truncated: boolean } {
    compact()
    return { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(chunks[0]), truncated }
  }

  return { add, read }
}

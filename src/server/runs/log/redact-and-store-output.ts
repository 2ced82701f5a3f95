/** One stream of output on its way to the log: redacted as bytes, then decoded, then stored. */
import type { RedactingStream } from '../../../redact/redacting-stream.ts'

/** A script is given at most this much of the output of a task: the end of it. */
export const MAX_RESULT_BYTES = 1024 * 1024
/** One log event holds at most this many UTF-16 units. */
const MAX_PIECE_LENGTH = 32 * 1024

export interface Output {
  /** Resolves when the bytes are stored, so that the writer is no faster than the log. */
  write: (chunk: Uint8Array) => Promise<void>
  end(): Promise<void>
  /** The end of the redacted output. */
  tail(): Tail
}

export interface Tail {
  text: string
  /** Whether there was more before it. */
  truncated: boolean
}

/** The end of a text, as much as a script is given. */
export function tailOf(text: string): Tail {
  const tail = createTail(MAX_RESULT_BYTES)
  tail.add(new TextEncoder().encode(text))
  return tail.read()
}

/** What an earlier server has stored of a stream. */
export interface StoredOutput {
  /** Counted before redaction. */
  bytes: number
  /** The end of the redacted output. */
  tail: string
}

/**
 * @param redacting is used for this stream alone
 * @param store takes pieces of redacted text, and how many bytes of the stream, counted from its start and before
 * redaction, are stored with them; no character is split over two pieces
 */
export function createOutput(
  redacting: RedactingStream,
  store: (pieces: string[], bytes: number) => Promise<void>,
  before: StoredOutput = { bytes: 0, tail: '' },
): Output {
  // Bytes that are not UTF-8 become U+FFFD; a byte order mark is output like any other, and stays.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const tail = createTail(MAX_RESULT_BYTES)
  tail.add(new TextEncoder().encode(before.tail))
  let taken = before.bytes
  /** The first bytes of a character whose other bytes have not come yet. */
  let half: Uint8Array = new Uint8Array(0)

  async function emit(redacted: readonly Uint8Array[], last: boolean): Promise<void> {
    for (const bytes of redacted) tail.add(bytes)
    const all = redacted.length === 1 && half.length === 0 ? redacted[0] : Buffer.concat([half, ...redacted])
    const whole = all === undefined ? new Uint8Array(0) : all
    const end = last ? whole.length : wholeCharacters(whole)
    const text = decoder.decode(whole.subarray(0, end))
    half = whole.slice(end)
    // Half a character is not redacted, so it has as many bytes as it had before.
    await store([...pieces(text)], taken - (last ? 0 : redacting.held() + half.length))
  }

  return {
    write: (chunk) => {
      taken += chunk.length
      return emit(redacting.push(chunk), false)
    },
    end: () => emit(redacting.end(), true),
    tail: tail.read,
  }
}

/** How many bytes come before a character that is not complete (RFC 3629). */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0
    // A continuation byte: the first byte of the character is before it.
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}

function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + MAX_PIECE_LENGTH)
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1
    yield text.slice(at, end)
    at = end
  }
}

/** More chunks than this are joined: a million small ones must not cost a million objects. */
const MAX_CHUNKS = 4096

/** Holds the last `most` bytes of what is added. */
function createTail(most: number) {
  let chunks: Uint8Array[] = []
  let length = 0
  let truncated = false

  function add(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    // A copy: what the redactor returns may share memory with a chunk that is used again.
    chunks.push(bytes.slice())
    length += bytes.length
    // Only whole chunks are dropped: the rest is cut off when it is read.
    for (let first = chunks[0]; first && length - first.length >= most; first = chunks[0]) {
      chunks.shift()
      length -= first.length
      truncated = true
    }
    if (chunks.length > MAX_CHUNKS) chunks = [Buffer.concat(chunks)]
  }

  function read(): Tail {
    const all = Buffer.concat(chunks)
    const over = Math.max(0, all.length - most)
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(all.subarray(over))
    return { text, truncated: truncated || over > 0 }
  }

  return { add, read }
}

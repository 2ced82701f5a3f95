/** One stream of output on its way to the log: redacted and stored as bytes, which are made UTF-8 where they are not. */
import { isUtf8 } from 'node:buffer'
import type { RedactingStream } from '../../../redact/redacting-stream.ts'

/** A script is given at most this much of the output of a task: the end of it. */
export const MAX_RESULT_BYTES = 1024 * 1024
/** One log event holds at most this many bytes of text. */
const MAX_PIECE_BYTES = 32 * 1024

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
 * @param store takes pieces of redacted text, in UTF-8 and without shared memory, and how many bytes of the stream,
 * counted from its start and before redaction, are stored with them; no character is split over two pieces
 */
export function createOutput(
  redacting: RedactingStream,
  store: (pieces: Uint8Array[], bytes: number) => Promise<void>,
  before: StoredOutput = { bytes: 0, tail: '' },
): Output {
  const tail = createTail(MAX_RESULT_BYTES)
  tail.add(new TextEncoder().encode(before.tail))
  let taken = before.bytes
  /** The first bytes of a character whose other bytes have not come yet. */
  let half: Uint8Array = NOTHING

  async function emit(redacted: readonly Uint8Array[], last: boolean): Promise<void> {
    // The only copy on the way: what the redactor returns may share memory with a chunk that is used again.
    const all = Buffer.concat([half, ...redacted])
    const end = last ? all.length : wholeCharacters(all)
    half = end < all.length ? Uint8Array.from(all.subarray(end)) : NOTHING
    const text = toUtf8(all.subarray(0, end))
    tail.add(text)
    // Half a character is not redacted, so it has as many bytes as it had before.
    await store(pieces(text), taken - (last ? 0 : redacting.held() + half.length))
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

/** Bytes that are not UTF-8 become U+FFFD; a byte order mark is output like any other, and stays. */
function toUtf8(bytes: Uint8Array): Uint8Array {
  if (isUtf8(bytes)) return bytes
  return new TextEncoder().encode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
}

function pieces(text: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = []
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + MAX_PIECE_BYTES)
    // Never before a continuation byte: the first byte of its character would stay behind (RFC 3629).
    while (end < text.length && ((text[end] ?? 0) & 0xc0) === 0x80) end -= 1
    found.push(text.subarray(at, end))
    at = end
  }
  return found
}

const NOTHING = new Uint8Array(0)

/** More chunks than this are joined: a million small ones must not cost a million objects. */
const MAX_CHUNKS = 4096

/** Holds the last `most` bytes of what is added. It shares memory with what is added. */
function createTail(most: number) {
  let chunks: Uint8Array[] = []
  let length = 0
  let truncated = false

  function add(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    chunks.push(bytes)
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

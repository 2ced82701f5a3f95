/** The frames between the server and the supervisor: encoding, and cutting a stream of bytes into them. */
import type { OutputMessage } from './supervisor-protocol.ts'

/**
 * A frame is its length in 4 bytes (big-endian, not counting these 4), its kind in 1 byte, and its content:
 * 0: JSON in UTF-8;
 * 1: output: 0 (stdout) or 1 (stderr), the length of the task's key in 1 byte, the key, then the bytes unchanged.
 */
const KIND = { json: 0, output: 1 }
const HEAD_BYTES = 5

/** More than the largest environment and input of a task. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024

export type Frame = { kind: 'json'; value: unknown } | { kind: 'output'; message: OutputMessage }

export function encodeJson(value: unknown): Uint8Array {
  return frame(KIND.json, [Buffer.from(JSON.stringify(value))])
}

export function encodeOutput({ task, stream, bytes }: OutputMessage): Uint8Array {
  const key = Buffer.from(task)
  return frame(KIND.output, [Uint8Array.of(stream === 'stdout' ? 0 : 1, key.length), key, bytes])
}

/** @throws Error for a frame that the other end would refuse. */
function frame(kind: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 1)
  if (length > MAX_FRAME_BYTES) throw new Error('the message is too large for a frame')
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32BE(length)
  head[HEAD_BYTES - 1] = kind
  return Buffer.concat([head, ...parts])
}

/**
 * Cuts bytes that arrive in pieces into frames.
 * @throws Error for bytes that are not a frame.
 */
export function createFrames(maxBytes = MAX_FRAME_BYTES): (chunk: Uint8Array) => Frame[] {
  /** The beginning of a frame whose rest has not come yet. */
  let pieces: Uint8Array[] = []
  let held = 0
  /** The number of bytes that `held` has to reach before more can be said. */
  let needed = HEAD_BYTES

  /** Reads whole frames that stand in one chunk, without a copy. @returns what is left of it */
  function cutWhole(chunk: Buffer, frames: Frame[]): Buffer {
    let rest = chunk
    while (rest.length >= HEAD_BYTES) {
      const end = endOf(rest, maxBytes)
      if (rest.length < end) break
      frames.push(decode(rest.subarray(4, end)))
      rest = rest.subarray(end)
    }
    return rest
  }

  return (chunk) => {
    const frames: Frame[] = []
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    // Only the frame that stands in several chunks is copied.
    while (held > 0 && held + rest.length >= needed) {
      const all = Buffer.concat([...pieces, rest.subarray(0, needed - held)])
      rest = rest.subarray(needed - held)
      needed = endOf(all, maxBytes)
      const isWhole = all.length === needed
      if (isWhole) frames.push(decode(all.subarray(4)))
      pieces = isWhole ? [] : [all]
      held = isWhole ? 0 : all.length
    }
    if (held === 0) {
      rest = cutWhole(rest, frames)
      needed = rest.length < HEAD_BYTES ? HEAD_BYTES : endOf(rest, maxBytes)
    }
    if (rest.length > 0) pieces.push(rest)
    held += rest.length
    return frames
  }
}

/** Where the frame ends that begins with these bytes. @throws Error for a length that no frame has */
function endOf(bytes: Buffer, maxBytes: number): number {
  const length = bytes.readUInt32BE()
  if (length < 1 || length > maxBytes) throw new Error('not a frame')
  return 4 + length
}

function decode(body: Buffer): Frame {
  const kind = body[0]
  if (kind === KIND.json) return { kind: 'json', value: JSON.parse(body.toString('utf8', 1)) }
  const [stream, keyLength] = [body[1], body[2]]
  const at = 3 + (keyLength ?? 0)
  if (kind !== KIND.output || keyLength === undefined || at > body.length) throw new Error('not a frame')
  const message: OutputMessage = {
    type: 'output',
    stream: stream === 0 ? 'stdout' : 'stderr',
    task: body.toString('utf8', 3, at),
    bytes: body.subarray(at),
  }
  return { kind: 'output', message }
}

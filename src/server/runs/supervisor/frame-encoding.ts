/** The frames between the server and the supervisor: encoding, and cutting a stream of bytes into them. */
import type { OutputMessage } from './supervisor-protocol.ts'

/**
 * A frame is its length in 4 bytes (big-endian, not counting these 4), its kind in 1 byte, and its content:
 * 0: JSON in UTF-8;
 * 1: output: 0 (stdout) or 1 (stderr), the length of the task's key in 1 byte, the key, then the bytes unchanged.
 */
const KIND = { json: 0, output: 1 }
const HEAD_BYTES = 5
/** The same of output: before the key of the task. */
const OUTPUT_HEAD_BYTES = HEAD_BYTES + 2
/** With less output than this, one call of the system costs more than a copy. */
const JOINED_BYTES = 8 * 1024

/** More than the largest environment and input of a task. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024

export type Frame = { kind: 'json'; value: unknown } | { kind: 'output'; message: OutputMessage }

export function encodeJson(value: unknown): Uint8Array {
  return frame(KIND.json, [Buffer.from(JSON.stringify(value))])
}

/** @returns parts to be sent one after the other: many bytes are not copied to stand behind their head */
export function encodeOutput({ task, stream, bytes }: OutputMessage): Uint8Array[] {
  const key = Buffer.from(task)
  const head = [Uint8Array.of(stream === 'stdout' ? 0 : 1, key.length), key]
  if (bytes.length < JOINED_BYTES) return [frame(KIND.output, [...head, bytes])]
  return [frame(KIND.output, head, bytes.length), bytes]
}

/** @throws Error for a frame that the other end would refuse. */
function frame(kind: number, parts: readonly Uint8Array[], following = 0): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 1 + following)
  if (length > MAX_FRAME_BYTES) throw new Error('the message is too large for a frame')
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32BE(length)
  head[HEAD_BYTES - 1] = kind
  return Buffer.concat([head, ...parts])
}

/** A frame of output whose bytes have not all come yet. */
type Opened = Pick<OutputMessage, 'task' | 'stream'> & { left: number }

/**
 * Cuts bytes that arrive in pieces into frames. Output is passed on as it comes, so one frame of it may become several,
 * which share memory with the pieces.
 * @throws Error for bytes that are not a frame.
 */
export function createFrames(maxBytes = MAX_FRAME_BYTES): (chunk: Uint8Array) => Frame[] {
  /** The start of a frame, as far as it has come and is not output itself. */
  let pieces: Uint8Array[] = []
  let held = 0
  /** The number of bytes that `held` has to reach before more can be said. */
  let needed = HEAD_BYTES
  let opened: Opened | undefined

  function takeOutput(bytes: Buffer, frames: Frame[]): Buffer {
    if (!opened) return bytes
    const { task, stream, left } = opened
    const taken = bytes.subarray(0, left)
    frames.push({ kind: 'output', message: { type: 'output', task, stream, bytes: taken } })
    opened = left > taken.length ? { task, stream, left: left - taken.length } : undefined
    return bytes.subarray(taken.length)
  }

  /** @param start exactly as many bytes as were needed */
  function take(start: Buffer, frames: Frame[]): void {
    const more = bytesNeeded(start, maxBytes)
    const isWhole = more === start.length
    pieces = isWhole ? [] : [start]
    held = isWhole ? 0 : start.length
    needed = isWhole ? HEAD_BYTES : more
    if (!isWhole) return
    if (start[HEAD_BYTES - 1] === KIND.json) {
      frames.push({ kind: 'json', value: JSON.parse(start.toString('utf8', HEAD_BYTES)) })
      return
    }
    opened = openOutput(start)
    if (opened.left === 0) takeOutput(start.subarray(start.length), frames)
  }

  return (chunk) => {
    const frames: Frame[] = []
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    while (rest.length > 0) {
      if (opened) {
        rest = takeOutput(rest, frames)
        continue
      }
      const missing = needed - held
      if (rest.length < missing) {
        pieces.push(rest)
        held += rest.length
        break
      }
      const next = rest.subarray(0, missing)
      rest = rest.subarray(missing)
      take(held === 0 ? next : Buffer.concat([...pieces, next]), frames)
    }
    return frames
  }
}

/**
 * How many bytes a frame that starts with these takes: to its end, for output to the end of the key.
 * @throws Error for what no frame starts with
 */
function bytesNeeded(start: Buffer, maxBytes: number): number {
  const length = start.readUInt32BE()
  const kind = start[HEAD_BYTES - 1]
  if (length < 1 || length > maxBytes) throw new Error('not a frame')
  if (kind === KIND.json) return 4 + length
  if (kind !== KIND.output || 4 + length < OUTPUT_HEAD_BYTES) throw new Error('not a frame')
  if (start.length < OUTPUT_HEAD_BYTES) return OUTPUT_HEAD_BYTES
  const keyEnd = OUTPUT_HEAD_BYTES + (start[OUTPUT_HEAD_BYTES - 1] ?? 0)
  if (keyEnd > 4 + length) throw new Error('not a frame')
  return keyEnd
}

/** @param start of a frame of output, to the end of the key */
function openOutput(start: Buffer): Opened {
  return {
    stream: start[HEAD_BYTES] === 0 ? 'stdout' : 'stderr',
    task: start.toString('utf8', OUTPUT_HEAD_BYTES),
    left: 4 + start.readUInt32BE() - start.length,
  }
}

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
  let pieces: Uint8Array[] = []
  let held = 0
  /** The number of bytes that the next whole frame needs. */
  let needed = HEAD_BYTES

  return (chunk) => {
    pieces.push(chunk)
    held += chunk.length
    const frames: Frame[] = []
    if (held < needed) return frames
    let all = Buffer.concat(pieces)
    for (;;) {
      const length = all.length < HEAD_BYTES ? undefined : all.readUInt32BE()
      if (length !== undefined && (length < 1 || length > maxBytes)) throw new Error('not a frame')
      needed = length === undefined ? HEAD_BYTES : 4 + length
      if (all.length < needed) break
      frames.push(decode(all.subarray(4, needed)))
      all = all.subarray(needed)
    }
    pieces = [all]
    held = all.length
    return frames
  }
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

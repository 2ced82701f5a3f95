/** Frames between the server and the supervisor: encoding, split streams and oversized frames. */
import { describe, expect, test } from 'bun:test'
import {
  createFrames,
  encodeJson,
  encodeOutput,
  type Frame,
} from '../../../../src/server/runs/supervisor/frame-encoding.ts'

const output = (text: string) =>
  Buffer.concat(
    encodeOutput({ type: 'output', task: 'run_ü/12', stream: 'stderr', bytes: Buffer.from(text, 'latin1') }),
  )

function show(frame: Frame): unknown {
  if (frame.kind === 'json') return frame.value
  const { task, stream, bytes } = frame.message
  return [task, stream, Buffer.from(bytes).toString('latin1')]
}

/** Output as one again that was passed on in parts: here no two frames of output follow each other. */
function join(shown: unknown[]): unknown[] {
  const joined: unknown[] = []
  for (const frame of shown) {
    const last = joined.at(-1)
    if (isOutput(frame) && isOutput(last))
      joined[joined.length - 1] = [frame[0], frame[1], last[2] + frame[2]]
    else joined.push(frame)
  }
  return joined
}

function isOutput(frame: unknown): frame is [string, string, string] {
  return Array.isArray(frame) && frame.length === 3
}

describe('frames between a server and its supervisor', () => {
  const stream = Buffer.concat([
    encodeJson({ type: 'hello', text: 'ü\n' }),
    output('\0\xff\n'),
    encodeJson([]),
    output(''),
    encodeJson({}),
    output('x'.repeat(100_000)),
    encodeJson(null),
  ])
  const whole = [
    { type: 'hello', text: 'ü\n' },
    ['run_ü/12', 'stderr', '\0\xff\n'],
    [],
    ['run_ü/12', 'stderr', ''],
    {},
    ['run_ü/12', 'stderr', 'x'.repeat(100_000)],
    null,
  ]

  test.each([1, 3, 4, 5, 7, 1000, 65_536, stream.length])('arrive whole in pieces of %d bytes', (size) => {
    const cut = createFrames()
    const frames: unknown[] = []
    for (let at = 0; at < stream.length; at += size) {
      // Read at once: what follows may overwrite the piece.
      frames.push(...cut(Buffer.from(stream.subarray(at, at + size))).map(show))
    }
    expect(join(frames)).toEqual(whole)
  })

  test('output is passed on before its frame is whole, and not copied', () => {
    const cut = createFrames()
    const sent = output('x'.repeat(100_000))
    const start = Buffer.from(sent.subarray(0, 50_000))
    const [first] = cut(start)
    expect(first?.kind === 'output' && first.message.bytes.buffer === start.buffer).toBe(true)
    expect(
      cut(sent.subarray(50_000)).map((frame) => frame.kind === 'output' && frame.message.bytes.length),
    ).toEqual([sent.length - 50_000])
  })

  test.each<[string, number[]]>([
    ['no length', [0, 0, 0, 0, 0]],
    ['a length beyond all', [0xff, 0xff, 0xff, 0xff, 0]],
    ['an unknown kind', [0, 0, 0, 2, 9, 0]],
    ['no JSON', [0, 0, 0, 2, 0, 0x7b]],
    ['output without a head', [0, 0, 0, 2, 1, 0]],
    ['a key that is longer than the frame', [0, 0, 0, 4, 1, 0, 200, 65]],
  ])('are refused with %s', (_, bytes) => {
    expect(() => createFrames()(Uint8Array.from(bytes))).toThrow()
  })

  test('are refused as soon as their length is known to be too much', () => {
    expect(() => createFrames(1000)(Uint8Array.from([0, 0, 4, 0, 0]))).toThrow('not a frame')
  })
})

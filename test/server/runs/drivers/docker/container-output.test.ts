/** The output stream of the Docker daemon: decoding, repeated output, and failing sinks. */
import { describe, expect, test } from 'bun:test'
import { type Piece, readFrames } from '../../../../../src/server/runs/drivers/docker/demultiplex-output.ts'
import {
  createOutput,
  type Output,
  SinkFailed,
} from '../../../../../src/server/runs/drivers/docker/container-output.ts'
import { collect, failure } from '../fixture.ts'

const TINI = '[FATAL tini (7)] exec no-such failed: No such file or directory\n'
const RUNC =
  'OCI runtime exec failed: exec failed: unable to start container process: exec: "no-such": executable file not found in $PATH: unknown\r\n'

function frame(stream: number, text: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

async function read(chunks: Uint8Array[]): Promise<Record<Piece['stream'], string>> {
  const found = { stdout: '', stderr: '' }
  const source = async function* () {
    yield* chunks
  }
  for await (const { stream, bytes } of readFrames(source()))
    found[stream] += Buffer.from(bytes).toString('latin1')
  return found
}

describe("the daemon's stream", () => {
  const whole = Buffer.concat([
    frame(1, 'out'),
    frame(2, 'err'),
    frame(1, ''),
    frame(1, 'x'.repeat(300)),
    frame(2, '!'),
  ])
  const expected = { stdout: `out${'x'.repeat(300)}`, stderr: 'err!' }

  test('is taken apart, whole and byte by byte', async () => {
    expect(await read([whole])).toEqual(expected)
    expect(await read([...whole].map((byte) => Uint8Array.of(byte)))).toEqual(expected)
    expect(await read([])).toEqual({ stdout: '', stderr: '' })
  })

  test.each([
    ['ends in the middle of a piece', [whole.subarray(0, 9)]],
    ['ends in the middle of a header', [whole.subarray(0, 5)]],
    ['has a stream that there is not', [frame(3, 'x')]],
    ['has what the task was given', [frame(0, 'x')]],
    ['is no such stream', [Buffer.from('HTTP/1.1 500')]],
  ])('is refused where it %s', async (_, chunks) => {
    expect(await failure(read(chunks))).toBeInstanceOf(Error)
  })
})

const say = (output: Output, stream: Piece['stream'], text: string) =>
  output.take({ stream, bytes: Buffer.from(text) })

describe("a task's output", () => {
  test.each<[string, Piece['stream'], string, number, object, string]>([
    [
      'of Docker’s init',
      'stderr',
      TINI,
      127,
      { hasBegun: false, code: 127 },
      'no-such: no such file or directory\n',
    ],
    [
      'of the daemon',
      'stdout',
      RUNC,
      126,
      { hasBegun: false, code: 127 },
      'no-such: executable file not found in $PATH\n',
    ],
    [
      'of Docker’s init, from a program that ends otherwise',
      'stderr',
      TINI,
      1,
      { hasBegun: true, code: 1 },
      TINI,
    ],
    ['like it', 'stderr', `${TINI}more`, 127, { hasBegun: true, code: 127 }, `${TINI}more`],
    ['that begins like it', 'stderr', '[FATAL tini', 0, { hasBegun: true, code: 0 }, '[FATAL tini'],
  ])('a word %s', async (_, stream, text, code, end, stderr) => {
    for (const pieces of [[text], Array.from(text)]) {
      const { sinks, text: got } = collect()
      const output = createOutput(sinks, { stdout: 0, stderr: 0 })
      for (const piece of pieces) await say(output, stream, piece)
      expect(await output.end(code)).toEqual(end as never)
      expect(got()).toEqual({ stdout: '', stderr })
    }
  })

  test('is not doubled when the daemon tells it once more', async () => {
    const { sinks, text } = collect()
    const output = createOutput(sinks, { stdout: 2, stderr: 4 })
    await output.say('pull\n')
    await say(output, 'stdout', 'abcd')
    await say(output, 'stderr', 'x')
    output.again()
    await say(output, 'stderr', 'xy')
    await say(output, 'stdout', 'abc')
    await say(output, 'stdout', 'def')
    output.again()
    await say(output, 'stdout', 'abcdefg')
    await output.end(0)
    expect(text()).toEqual({ stdout: 'cdefg', stderr: '\nxy' })
  })

  test('says that it is a sink that failed, and why', async () => {
    const output = createOutput(
      { stdout: () => Promise.reject(new Error('full')), stderr: async () => {} },
      { stdout: 0, stderr: 0 },
    )
    const error = await failure(say(output, 'stdout', 'x'))
    expect(error).toBeInstanceOf(SinkFailed)
    expect((error as SinkFailed).cause).toEqual(new Error('full'))
  })
})

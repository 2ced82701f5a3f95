/** Lines from standard input: split letters, long lines, abandoned waits and failed streams. */
import { describe, expect, test } from 'bun:test'
import { orAborted, readLines } from '../../../src/platform/terminal/read-lines.ts'

const never = new AbortController().signal

/** Lines of a stream that brings `chunks` and then ends. */
function linesOf(chunks: readonly string[]) {
  const encoder = new TextEncoder()
  return readLines(
    () =>
      new ReadableStream({
        start(controller) {
          for (const chunk of chunks) controller.enqueue(encoder.encode(chunk))
          controller.close()
        },
      }),
  )
}

async function all(chunks: readonly string[]): Promise<string[]> {
  const lines = linesOf(chunks)
  const seen: string[] = []
  for (;;) {
    const line = await lines.next(never)
    if (line === undefined) return seen
    seen.push(line)
  }
}

describe('readLines', () => {
  test.each([
    ['several at once', ['a\nb\nc\n'], ['a', 'b', 'c']],
    ['one in pieces', ['a', 'b', '\n'], ['ab']],
    ['line ends of Windows, cut in two', ['a\r', '\nb\r\n'], ['a', 'b']],
    ['a last one without an end', ['a\nb'], ['a', 'b']],
    ['empty ones', ['\n\na\n'], ['', '', 'a']],
    ['a letter cut in two', ['\u00e4\n'], ['\u00e4']],
    ['nothing', [], []],
  ])('%s', async (_, chunks, expected) => {
    expect(await all(chunks)).toEqual(expected)
  })

  test('a letter whose bytes come apart is one letter', async () => {
    const bytes = new TextEncoder().encode('ä\n')
    const lines = readLines(
      () =>
        new ReadableStream({
          start(controller) {
            for (const byte of bytes) controller.enqueue(new Uint8Array([byte]))
            controller.close()
          },
        }),
    )
    expect(await lines.next(never)).toBe('ä')
  })

  test('a line without end is cut, so that memory has one', async () => {
    const seen = await all(['x'.repeat(100_000), 'y'.repeat(100_000)])
    expect(seen.map((line) => line.length)).toEqual([65_536, 65_536, 65_536, 3392])
  })

  test('a wait that is given up loses nothing: the next call gets the line', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const lines = readLines(() => readable)
    const abort = new AbortController()
    const waiting = lines.next(abort.signal)
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    void writable.getWriter().write(new TextEncoder().encode('kept\n'))
    expect(await lines.next(never)).toBe('kept')
  })

  test('nothing is read before the first question', async () => {
    let opened = 0
    const lines = readLines(() => {
      opened += 1
      return new Blob(['a\n']).stream()
    })
    expect(opened).toBe(0)
    await lines.next(never)
    await lines.next(never)
    expect(opened).toBe(1)
  })

  test('a stream that fails is one that has ended', async () => {
    const lines = readLines(() => {
      throw new Error('EBADF')
    })
    expect(await lines.next(never)).toBeUndefined()
  })

  test('after close there is nothing more', async () => {
    const lines = linesOf(['a\nb\n'])
    await lines.next(never)
    lines.close()
    expect(await lines.next(never)).toBeUndefined()
  })
})

describe('orAborted', () => {
  test('gives the result, or the reason if that comes first', async () => {
    expect(await orAborted(Promise.resolve(1), never)).toBe(1)
    const abort = new AbortController()
    const waiting = orAborted(new Promise(() => {}), abort.signal)
    abort.abort(new Error('Ctrl-C'))
    await expect(waiting).rejects.toThrow('Ctrl-C')
  })
})

/** Pastes and keys at a terminal in raw mode: what is one answer, what is shown, and how the terminal is left. */
import { describe, expect, test } from 'bun:test'
import { rawTerminalLines } from '../../../src/platform/terminal/read-answers-in-raw-mode.ts'

const never = new AbortController().signal

/** A terminal whose person is the test. */
function person() {
  let take: ((bytes: Uint8Array | undefined) => void) | undefined
  const log: string[] = []
  let shown = ''
  const lines = rawTerminalLines({
    enter: (to) => {
      take = to
      log.push('enter')
    },
    leave: () => void log.push('leave'),
    write: (text) => (shown += text),
    interrupt: () => void log.push('interrupt'),
    suspend: (resumed) => {
      log.push('suspend')
      resumed()
    },
  })
  const type = (...chunks: string[]) => {
    for (const chunk of chunks) take?.(new TextEncoder().encode(chunk))
  }
  return { lines, type, log, shown: () => shown, hangUp: () => take?.(undefined) }
}

/** The answer that `chunks` make. */
async function answerTo(...chunks: string[]): Promise<string | undefined> {
  const { lines, type } = person()
  const answer = lines.next(never)
  type(...chunks)
  return answer
}

const LONG = 'x'.repeat(12_000)

describe('one answer', () => {
  test.each([
    ['a typed line', ['a', 'b', '\r'], 'ab'],
    ['a paste without marks', ['code=1\r'], 'code=1'],
    ['a paste with marks, then Enter', ['\u001b[200~code=1\u001b[201~', '\r'], 'code=1'],
    ['a paste with its own line end', ['\u001b[200~code=1\n\u001b[201~'], 'code=1'],
    ['lines of CRLF', ['\u001b[200~ab\r\ncd\r\n\u001b[201~'], 'abcd'],
    ['lines without marks', ['ab\rcd\r', 'ef\r'], 'abcdef'],
    ['lines with blanks around them', ['\u001b[200~  ab  \n  cd\u001b[201~\r'], 'abcd'],
    ['marks that arrive in pieces', ['\u001b', '[20', '0~ab', '\u001b[2', '01', '~\r'], 'ab'],
    [
      '12,000 characters',
      [`\u001b[200~${LONG.slice(0, 5000)}`, `${LONG.slice(5000)}\u001b[201~`, '\r'],
      LONG,
    ],
    ['12,000 characters without marks', [LONG.slice(0, 4095), `${LONG.slice(4095)}\r`], LONG],
    ['what Backspace left', ['abc\u007f\u007f', 'd\r'], 'ad'],
    ['what came after Ctrl-U', ['abc\u0015d\r'], 'd'],
    ['no keys of arrows', ['a\u001b[Db\u001bOCc\r'], 'abc'],
    ['letters of several bytes', ['ä€😀\r'], 'ä€😀'],
    ['Enter alone', ['\r'], ''],
  ])('%s', async (_, chunks, answer) => {
    expect(await answerTo(...chunks)).toBe(answer)
  })

  test('more than 64 KiB is not cut to something that could be taken for a code', async () => {
    const answer = await answerTo(`\u001b[200~${'x'.repeat(100_000)}\u001b[201~\r`)
    expect(answer?.length).toBe(64 * 1024 + 1)
  })

  test('a Ctrl-C within a paste is a character of it', async () => {
    const { lines, type, log } = person()
    const answer = lines.next(never)
    type('\u001b[200~a\u0003b\u001b[201~\r')
    expect([await answer, log]).toEqual(['a\u0003b', ['enter']])
  })
})

describe('what the person sees', () => {
  test('what is typed, and a long paste in short, without what could drive the terminal', async () => {
    const { lines, type, shown } = person()
    const answer = lines.next(never)
    type('ab', `\u001b[200~${LONG}\u001b[201~`, '\u001b[200~\u0007c\u001b[201~', '\r')
    await answer
    expect(shown()).toBe(`ab${'x'.repeat(32)}… (12,000 characters) c\n`)
  })
})

describe('keys that the terminal would have understood', () => {
  test('Ctrl-C interrupts, Ctrl-Z suspends with the terminal as it was, and the wait goes on', async () => {
    const { lines, type, log } = person()
    const answer = lines.next(never)
    type('a\u0003', '\u001a', 'b\r')
    expect(await answer).toBe('ab')
    lines.close()
    expect(log).toEqual(['enter', 'interrupt', 'leave', 'suspend', 'enter', 'leave'])
  })

  test('Ctrl-D on an empty line, and a terminal that is gone, are the end', async () => {
    const one = person()
    const first = one.lines.next(never)
    one.type('a\u0004\u007f\u0004')
    expect([await first, await one.lines.next(never)]).toEqual([undefined, undefined])
    const other = person()
    const second = other.lines.next(never)
    other.hangUp()
    expect(await second).toBeUndefined()
  })

  test('a wait that is given up loses nothing that arrives later', async () => {
    const { lines, type } = person()
    const stop = new AbortController()
    const given = lines.next(stop.signal)
    stop.abort(new Error('over'))
    await expect(given).rejects.toThrow('over')
    type('ab\r')
    expect(await lines.next(never)).toBe('ab')
  })
})

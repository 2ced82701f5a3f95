/** The server log: one JSON object a line, batched writes, and no line lost at the exit. */
import { describe, expect, test } from 'bun:test'
import { gatherLines, jsonLog, logDefect } from '../../src/server/log.ts'

describe('the log', () => {
  test('has one JSON object a line, with the time of each', () => {
    const lines: string[] = []
    let now = 0
    const log = jsonLog(
      (line) => lines.push(line),
      () => now,
    )
    log.info('a', { n: 1 })
    log.warn('b')
    now = 1
    log.error('c')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { time: '1970-01-01T00:00:00.000Z', level: 'info', message: 'a', n: 1 },
      { time: '1970-01-01T00:00:00.000Z', level: 'warn', message: 'b' },
      { time: '1970-01-01T00:00:00.001Z', level: 'error', message: 'c' },
    ])
  })

  test.each<[unknown, string | undefined]>([
    [Object.assign(new Error('canary is full'), { code: 'SQLITE_FULL' }), 'SQLITE_FULL'],
    [new Error('canary', { cause: Object.assign(new Error('canary'), { code: 'ENOSPC' }) }), 'ENOSPC'],
    [Object.assign(new Error('canary'), { code: 'canary' }), undefined],
    ['canary', undefined],
  ])('a defect has the code of the system, and no text (%#)', (error, code) => {
    let line = ''
    logDefect(
      jsonLog(
        (text) => (line = text),
        () => 0,
      ),
      error,
      'req_1',
    )
    expect(JSON.parse(line).code).toBe(code)
    expect(line).not.toContain('canary')
  })

  test('lines of one turn of the event loop are written together, and none waits for longer', () => {
    const written: string[] = []
    const turns: (() => void)[] = []
    const lines = gatherLines(
      (text) => written.push(text),
      (run) => turns.push(run),
    )
    lines.write('a')
    lines.write('b')
    expect(written).toEqual([])
    turns.shift()?.()
    lines.write('c')
    turns.shift()?.()
    expect(written).toEqual(['a\nb\n', 'c\n'])
    expect(turns).toEqual([])
  })

  test('what waits is written when the process ends', () => {
    const written: string[] = []
    const lines = gatherLines(
      (text) => written.push(text),
      () => {},
    )
    lines.write('a')
    lines.flush()
    lines.flush()
    expect(written).toEqual(['a\n'])
  })
})

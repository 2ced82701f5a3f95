import { describe, expect, test } from 'bun:test'
import { gatherLines, jsonLog } from '../../src/server/log.ts'

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

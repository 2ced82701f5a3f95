/** The log of a run as text: whole lines, task names, pages, and bounded work for long logs. */
import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import type { RunEvent, TaskStatus } from '../../../../src/contract/run-events.ts'
import { runEvents } from '../../../../src/server/db/schema.ts'
import { openHarness, pipeline } from '../run-harness.ts'

test('a long log is read in small pieces, between which others have their turn', async () => {
  await using own = await openHarness()
  const { runId } = await own.run(pipeline(''))
  const { db } = own.database
  const line = `${'0123456789'.repeat(6000)}\n`
  for (let id = 100; id < 400; id++) {
    const data = JSON.stringify({ stream: 'stdout', data: id === 399 ? 'the end\n' : line })
    db.insert(runEvents).values({ runId, id, type: 'log', data, at: 0 }).run()
  }

  let turns = 0
  let isReading = true
  const turn = () => {
    turns += 1
    if (isReading) setImmediate(turn)
  }
  setImmediate(turn)
  const pieces: number[] = []
  let last = ''
  for await (const { text } of own.runs.log(runId)) {
    pieces.push(text.length)
    last = text
  }
  isReading = false
  expect(last).toEndWith('the end\n')
  expect(pieces.reduce((sum, length) => sum + length, 0)).toBe(299 * line.length + 8)
  expect(Math.max(...pieces)).toBeLessThan(1024 * 1024)
  expect(turns).toBeGreaterThanOrEqual(pieces.length - 1)
})

test('one of many short pieces takes few steps', async () => {
  await using own = await openHarness()
  const { runId } = await own.run(pipeline(''))
  const { db } = own.database
  const rows = Array.from({ length: 5000 }, (_, at) => ({
    runId,
    id: 100 + at,
    type: 'log' as const,
    data: JSON.stringify({ stream: 'stdout', data: `${at}\n` }),
    at: 0,
  }))
  for (let at = 0; at < rows.length; at += 1000) {
    db.insert(runEvents)
      .values(rows.slice(at, at + 1000))
      .run()
  }
  const pieces: string[] = []
  for await (const { text } of own.runs.log(runId)) pieces.push(text)
  expect(pieces.join('')).toBe(rows.map((_, at) => `${at}\n`).join(''))
  expect(pieces.length).toBeLessThan(20)
})

/** Of a run that has these events, `[what has settled, what has no end yet]`. */
async function textOf(events: RunEvent[]) {
  await using own = await openHarness()
  const { runId } = await own.run(pipeline(''))
  const { db } = own.database
  db.delete(runEvents).where(eq(runEvents.runId, runId)).run()
  const rows = events.map(({ type, data }, at) => ({
    runId,
    id: at + 1,
    type,
    data: JSON.stringify(data),
    at: 0,
  }))
  for (const row of rows) db.insert(runEvents).values(row).run()
  const settled: string[] = []
  let rest = ''
  for await (const { text, isFinal } of own.runs.log(runId)) {
    // Nothing comes after what is not final.
    expect(rest).toBe('')
    if (isFinal) settled.push(text)
    else rest = text
  }
  return { settled, rest }
}
const task = (name: string, number: number, status: TaskStatus): RunEvent => ({
  type: 'task',
  data: { name, number, status },
})
const says = (data: string, name?: string, number?: number): RunEvent => ({
  type: 'log',
  data: { ...(name === undefined ? {} : { task: name, number }), stream: 'stdout', data },
})

describe('the log as a text', () => {
  test('has whole lines, with names where tasks print side by side', async () => {
    const { settled, rest } = await textOf([
      says('script\n'),
      task('a', 1, 'running'),
      says('alone ', 'a', 1),
      says('10 %\r20 %\n', 'a', 1),
      task('b', 2, 'running'),
      says('a1 ', 'a', 1),
      says('b1 ', 'b', 2),
      says('a2\n', 'a', 1),
      says('b2\n', 'b', 2),
      task('b', 2, 'success'),
      says('script\n'),
      says('last', 'a', 1),
      task('a', 1, 'abort'),
      { type: 'exit', data: { code: 1, run_id: 'run' } },
    ])
    expect(settled.join('')).toBe('script\nalone 10 %\r20 %\na | a1 a2\nb | b1 b2\nscript\na | last\n')
    expect(rest).toBe('')
  })

  test('of a run that goes on has the lines without an end last', async () => {
    const begun = [
      task('a', 1, 'running'),
      task('b', 2, 'running'),
      says('a1 ', 'a', 1),
      says('b1\n', 'b', 2),
    ]
    expect(await textOf(begun)).toEqual({ settled: ['b | b1\n'], rest: 'a | a1 \n' })
    const { settled } = await textOf([...begun, says('a2\n', 'a', 1)])
    expect(settled.join('')).toBe('b | b1\na | a1 a2\n')
  })

  test('holds no line without an end, and no page of lines that grow by their names', async () => {
    const name = 'n'.repeat(200)
    const begun = [task(name, 1, 'running'), task('b', 2, 'running')]
    const { settled, rest } = await textOf([
      ...begun,
      ...Array.from({ length: 40 }, () => says('x'.repeat(32 * 1024), name, 1)),
      ...Array.from({ length: 40 }, () => says('\n'.repeat(1024), name, 1)),
    ])
    expect(settled.join('').match(/x/g)).toHaveLength(40 * 32 * 1024)
    expect(rest).toBe('')
    expect(Math.max(...settled.map(({ length }) => length))).toBeLessThan(768 * 1024)
  })
})

test('the lines before a page are counted where they are few, and nobody waits where they are many', async () => {
  await using own = await openHarness()
  const { runId } = await own.run(pipeline(''))
  const { db } = own.database
  const add = (from: number, to: number) => {
    for (let id = from; id < to; id += 1000) {
      const rows = Array.from({ length: 1000 }, (_, at) => ({
        runId,
        id: id + at,
        type: 'log' as const,
        at: 0,
        data: JSON.stringify({ stream: 'stdout', data: `${id + at}\n` }),
      }))
      db.insert(runEvents).values(rows).run()
    }
  }
  add(1000, 4000)
  const few = await own.runs.logPage(runId, undefined)
  expect(few.before?.count).toBe(3000 - few.pieces.length)
  add(4000, 16_000)
  const many = await own.runs.logPage(runId, undefined)
  expect(many.pieces.length).toBeGreaterThan(0)
  expect(many.before).toBeUndefined()
})

import { expect, test } from 'bun:test'
import { runEvents } from '../../../src/server/db/schema.ts'
import { openHarness, pipeline } from './harness.ts'

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
  for await (const piece of own.runs.log(runId)) {
    pieces.push(piece.length)
    last = piece
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
  for await (const piece of own.runs.log(runId)) pieces.push(piece)
  expect(pieces.join('')).toBe(rows.map((_, at) => `${at}\n`).join(''))
  expect(pieces.length).toBeLessThan(20)
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

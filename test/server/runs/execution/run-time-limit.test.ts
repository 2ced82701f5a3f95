/** The time limit of a run counts the time under an earlier server, and spares ended runs. */
import { expect, test } from 'bun:test'
import { watchTimeLimit } from '../../../../src/server/runs/execution/run-time-limit.ts'
import { manualClock } from '../../../support/manual-clock.ts'

function watched(limit: { ms: number; startedAt?: number }, startAt = 10_000) {
  const clock = manualClock(startAt)
  const reasons: string[] = []
  const unwatch = watchTimeLimit(limit, clock, (reason) => void reasons.push(reason))
  return { clock, reasons, unwatch }
}

test.each([
  [90_000, '90 s'],
  [300_000, '5 min'],
  [7_200_000, '2 h'],
  [1500, '1500 ms'],
])('a run of more than %d ms is told that it took longer than %s', async (ms, words) => {
  const { clock, reasons } = watched({ ms })
  await clock.advance(ms - 1)
  expect(reasons).toEqual([])
  await clock.advance(1)
  expect(reasons).toEqual([`it took longer than ${words}, its time limit`])
})

test('the time under the server before counts', async () => {
  const { clock, reasons } = watched({ ms: 60_000, startedAt: 10_000 }, 40_000)
  await clock.advance(29_999)
  expect(reasons).toEqual([])
  await clock.advance(1)
  expect(reasons).toHaveLength(1)
  const late = watched({ ms: 60_000, startedAt: 10_000 }, 500_000)
  await late.clock.advance(0)
  expect(late.reasons).toHaveLength(1)
})

test('a run that has ended is left alone', async () => {
  const { clock, reasons, unwatch } = watched({ ms: 1000 })
  unwatch()
  await clock.advance(5000)
  expect(reasons).toEqual([])
})

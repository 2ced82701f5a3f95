/** Schedules: runs on time, clock changes, a server that was down, clock jumps and runs that cannot start. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import type { Schedule } from '../../../src/contract/api/pipelines.ts'
import { Fault } from '../../../src/contract/fault.ts'
import { openAudit } from '../../../src/server/audit/audit.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { pipelines, pipelineSchedules, tenants } from '../../../src/server/db/schema.ts'
import { jsonLog } from '../../../src/server/log.ts'
import type { StartRun } from '../../../src/server/runs/runs.ts'
import { openSchedules, type Schedules } from '../../../src/server/triggers/schedules.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let database: ReturnType<typeof openDatabase>
let clock: ManualClock
let schedules: Schedules
let log: string
/** When runs began, and which. */
let began: { at: string; runId: string; pipeline: string; triggeredBy: string }[]
let refusal: Fault | undefined

beforeEach(async () => {
  clock = manualClock(Date.parse('2026-03-27T00:00:00Z'))
  began = []
  log = ''
  refusal = undefined
  database = openDatabase(':memory:')
  await database.db.insert(tenants).values({ id: 't', slug: 't', name: 'T', createdAt: 0 })
  const row = { tenantId: 't', filename: 'p.ts', source: '', driver: 'native', paused: false }
  for (const id of ['p', 'q']) {
    await database.db.insert(pipelines).values({ ...row, id, name: id, createdAt: 0, updatedAt: 0 })
  }
  schedules = start()
})
afterEach(async () => {
  await schedules.close()
  database.close()
})

/** As a server that was just started would have them. */
function start(): Schedules {
  const { db } = database
  return openSchedules({
    db,
    clock,
    log: jsonLog((line) => void (log += `${line}\n`), clock.now),
    audit: openAudit({ db, clock }),
    runs: { start: startRun, get: findRun } as unknown as Parameters<typeof openSchedules>[0]['runs'],
  })
}
async function startRun({ runId = '', pipeline, triggeredBy }: StartRun): Promise<{ runId: string }> {
  if (refusal) throw refusal
  began.push({
    at: new Date(clock.now()).toISOString().slice(0, 19),
    runId,
    pipeline: pipeline.id,
    triggeredBy,
  })
  return { runId }
}
const findRun = async (_tenant: string, id: string) => began.find(({ runId }) => runId === id)

/** Time goes by, a step at a time, and what is due happens. */
async function pass(ms: number, step = MINUTE): Promise<void> {
  for (let gone = 0; gone < ms; gone += step) {
    await settle()
    await clock.advance(Math.min(step, ms - gone))
  }
  await settle()
}
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}
const every = (cron: string, more: Partial<Schedule> = {}): Schedule => ({
  cron,
  timeZone: 'UTC',
  catchUp: false,
  ...more,
})
const times = () => began.map(({ at }) => at)
const first = async () => {
  const [row] = await schedules.of('p')
  if (!row) throw new Error('there is no schedule')
  return row
}
/** The server is down for so long. */
async function down(ms: number): Promise<void> {
  await settle()
  await schedules.close()
  await clock.advance(ms)
  schedules = start()
  await settle()
}
const missed = () =>
  log
    .split('\n')
    .filter((line) => line.includes('were missed'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('a schedule', () => {
  test('runs on time, for days, and says who began it', async () => {
    schedules.set('p', [every('0 6,18 * * *')])
    await pass(3 * 24 * HOUR)
    expect(times()).toEqual([
      '2026-03-27T06:00:00',
      '2026-03-27T18:00:00',
      '2026-03-28T06:00:00',
      '2026-03-28T18:00:00',
      '2026-03-29T06:00:00',
      '2026-03-29T18:00:00',
    ])
    expect(new Set(began.map(({ triggeredBy }) => triggeredBy))).toEqual(new Set(['schedule']))
    expect(missed()).toEqual([])
  })

  test('follows the clocks of its zone when they change', async () => {
    schedules.set('p', [every('30 2 * * *', { timeZone: 'Europe/Paris' })])
    await pass(4 * 24 * HOUR)
    expect(times()).toEqual([
      '2026-03-27T01:30:00',
      '2026-03-28T01:30:00',
      '2026-03-29T01:00:00',
      '2026-03-30T00:30:00',
    ])
  })

  test('every ten seconds runs every ten seconds, without drift', async () => {
    schedules.set('p', [every('*/10 * * * * *')])
    await pass(MINUTE, 1000)
    expect(times().map((time) => time.slice(-2))).toEqual(['10', '20', '30', '40', '50', '00'])
  })

  test('several of one pipeline and of others run side by side', async () => {
    schedules.set('p', [every('0 1 * * *'), every('0 1 * * *', { timeZone: 'Asia/Tokyo' })])
    schedules.set('q', [every('0 1 * * *')])
    await pass(24 * HOUR)
    expect(began.map(({ pipeline, at }) => `${pipeline} ${at.slice(11, 13)}`).toSorted()).toEqual([
      'p 01',
      'p 16',
      'q 01',
    ])
  })

  test('that is set again as it was keeps its past; another begins anew', async () => {
    schedules.set('p', [every('0 * * * *')])
    await pass(HOUR)
    const before = await first()
    schedules.set('p', [every('0 * * * *', { catchUp: true })])
    expect(await first()).toEqual({ ...before, catchUp: true })
    schedules.set('p', [every('5 * * * *')])
    expect(await first()).toMatchObject({ lastAt: null, lastRunId: null })
    schedules.set('p', [])
    expect(await schedules.of('p')).toEqual([])
  })

  test('goes with its pipeline', async () => {
    schedules.set('p', [every('0 * * * *')])
    await database.db.delete(pipelines).where(eq(pipelines.id, 'p'))
    await pass(2 * HOUR)
    expect(await database.db.$count(pipelineSchedules)).toBe(0)
    expect(began).toEqual([])
  })

  test('given twice is refused', () => {
    expect(() => schedules.check([every('0 * * * *'), every('0 * * * *')])).toThrow('given twice')
    expect(() =>
      schedules.check([every('0 * * * *'), every('0 * * * *', { timeZone: 'Asia/Tokyo' })]),
    ).not.toThrow()
  })
})

describe('while the server is down', () => {
  test('what is missed is reported and not run', async () => {
    schedules.set('p', [every('0 * * * *')])
    await pass(HOUR)
    await down(5 * HOUR + MINUTE * 30)
    expect(times()).toEqual(['2026-03-27T01:00:00'])
    expect(missed()).toEqual([expect.objectContaining({ pipeline: 'p', cron: '0 * * * *', count: 5 })])
    expect(await first()).toMatchObject({ missed: 5, missedAt: clock.now() })
    await pass(HOUR)
    expect(times()).toEqual(['2026-03-27T01:00:00', '2026-03-27T07:00:00'])
    const { items } = await openAudit({ db: database.db, clock }).list('t', {
      limit: 10,
      action: 'schedule.missed',
    })
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({ actor: 'schedule', target: 'p' })
  })

  test('with catchUp, it is made up for once, however often it was missed', async () => {
    schedules.set('p', [every('*/5 * * * *', { catchUp: true })])
    await down(24 * HOUR + 2 * MINUTE)
    expect(times()).toEqual(['2026-03-28T00:02:00'])
    expect(missed()).toEqual([expect.objectContaining({ count: 100 })])
    await pass(3 * MINUTE)
    expect(times()).toEqual(['2026-03-28T00:02:00', '2026-03-28T00:05:00'])
  })

  test('a quick restart only makes it late', async () => {
    schedules.set('p', [every('0 * * * *')])
    await pass(HOUR - 10_000)
    await down(30_000)
    expect(times()).toEqual(['2026-03-27T01:00:20'])
    expect(missed()).toEqual([])
  })

  test('what was decided and not begun is begun by the next server; what was begun is not', async () => {
    schedules.set('p', [every('0 * * * *')])
    await pass(HOUR)
    const { db } = database
    const [run] = began
    await schedules.close()
    await db.update(pipelineSchedules).set({ pendingRunId: run?.runId ?? '' })
    schedules = start()
    await settle()
    expect(began).toHaveLength(1)
    expect(await first()).toMatchObject({ pendingRunId: null, lastRunId: run?.runId ?? '' })
    await schedules.close()
    await db.update(pipelineSchedules).set({ pendingRunId: 'run_that_never_was' })
    schedules = start()
    await settle()
    expect(began).toHaveLength(2)
    expect(missed()).toEqual([])
  })
})

describe('a clock that jumps', () => {
  test('ahead: what lay in between was missed, and the schedule goes on', async () => {
    schedules.set('p', [every('0 * * * *')])
    await settle()
    await clock.advance(3 * HOUR + 10 * MINUTE)
    await settle()
    expect(began).toEqual([])
    expect(missed()).toEqual([expect.objectContaining({ count: 3 })])
    await pass(50 * MINUTE)
    expect(times()).toEqual(['2026-03-27T04:00:00'])
  })

  test('back: nothing happens a second time', async () => {
    schedules.set('p', [every('0 * * * *')])
    await pass(HOUR + MINUTE)
    await clock.advance(-10 * MINUTE)
    await pass(20 * MINUTE)
    expect(times()).toEqual(['2026-03-27T01:00:00'])
    await pass(50 * MINUTE)
    expect(times()).toEqual(['2026-03-27T01:00:00', '2026-03-27T02:00:00'])
  })
})

describe('what cannot begin', () => {
  test('because the pipeline is paused, is not made up for and not reported', async () => {
    schedules.set('p', [every('0 * * * *', { catchUp: true })])
    await database.db.update(pipelines).set({ paused: true }).where(eq(pipelines.id, 'p'))
    await pass(3 * HOUR)
    await database.db.update(pipelines).set({ paused: false }).where(eq(pipelines.id, 'p'))
    await pass(HOUR)
    expect(times()).toEqual(['2026-03-27T04:00:00'])
    expect(missed()).toEqual([])
  })

  test('every second, for the same reason, is on record once a minute', async () => {
    refusal = new Fault('busy', 'too many runs are waiting')
    schedules.set('p', [every('* * * * * *')])
    await pass(90_000, 1000)
    expect(missed()).toHaveLength(2)
    const { db } = database
    expect(await openAudit({ db, clock }).list('t', { limit: 10 })).toMatchObject({
      items: [{ action: 'schedule.missed' }, { action: 'schedule.missed' }],
    })
    expect((await first()).missed).toBeGreaterThan(25)
  })

  test('because too much is waiting, is reported with the reason', async () => {
    schedules.set('p', [every('0 * * * *')])
    refusal = new Fault('busy', '100 runs are waiting for their turn already')
    await pass(HOUR)
    expect(await first()).toMatchObject({ missed: 1, missedBecause: refusal.message, pendingRunId: null })
    refusal = undefined
    await pass(HOUR)
    expect(times()).toEqual(['2026-03-27T02:00:00'])
  })
})

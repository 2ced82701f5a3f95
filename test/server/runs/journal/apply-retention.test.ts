/** Retention of runs: removal of logs and records by age and size, in small steps. */
import { describe, expect, test } from 'bun:test'
import { eq, sql } from 'drizzle-orm'
import { systemClock } from '../../../../src/platform/clock.ts'
import { entryBytes } from '../../../../src/server/runs/log/log-size-limit.ts'
import { openRetention, type RetentionOptions } from '../../../../src/server/runs/journal/apply-retention.ts'
import {
  pipelineRules,
  pipelines,
  runEvents,
  runs,
  runTasks,
  storedLogs,
} from '../../../../src/server/db/schema.ts'
import { runAnswers, runScripts } from '../../../../src/server/db/run-journal-schema.ts'
import { jsonLog } from '../../../../src/server/log.ts'
import { failure, type Harness, openHarness, pipeline, sh, TENANT } from '../run-harness.ts'

const DAY_MS = 24 * 60 * 60_000
const FAILS = pipeline(`${sh('echo kept; exit 1')}\nthrow new Error('no')`)

/** Goes on by itself, and is set forward by the test. */
function movableClock() {
  let moved = 0
  return { now: () => Date.now() + moved, sleep: systemClock.sleep, move: (ms: number) => void (moved += ms) }
}

interface World extends Harness {
  clock: ReturnType<typeof movableClock>
  sweep(options?: Partial<RetentionOptions>): Promise<void>
  /** How many rows a run has left, of its events, answers and scripts. */
  rows(runId: string): number[]
  total(): number
}

async function openWorld(): Promise<World> {
  const clock = movableClock()
  const fob = await openHarness({ clock })
  const { db } = fob.database
  const count = (table: typeof runEvents | typeof runAnswers | typeof runScripts, runId: string) =>
    db.select().from(table).where(eq(table.runId, runId)).all().length
  return {
    ...fob,
    clock,
    sweep: (options = {}) => retention(fob, clock, options).purgeExpired(),
    rows: (runId) => [runEvents, runAnswers, runScripts].map((table) => count(table, runId)),
    total: () => db.select().from(storedLogs).all()[0]?.bytes ?? -1,
  }
}

function retention(
  { database, vault }: Harness,
  clock: World['clock'],
  more: Partial<RetentionOptions> = {},
) {
  return openRetention({ db: database.db, vault, clock, log: jsonLog(() => {}, Date.now), ...more })
}

/** What is in the database, added up. */
function storedOf({ database: { db } }: Harness, runId: string): number {
  const events = db.select({ text: runEvents.data }).from(runEvents).where(eq(runEvents.runId, runId))
  const answers = db.select({ text: runAnswers.json }).from(runAnswers).where(eq(runAnswers.runId, runId))
  return [...events.all(), ...answers.all()].reduce((sum, { text }) => sum + entryBytes(text), 0)
}

describe('the log of a run that has ended', () => {
  test('goes after 90 days, with all that the run could be resumed with; the record stays and says so', async () => {
    await using fob = await openWorld()
    await fob.secret('TOKEN', 'canary-value-1')
    const { runId } = await fob.run(FAILS, { args: ['--token=canary-value-1'] })
    const place = { tenantId: TENANT, scope: `run/${runId}` as const, key: 'HANDED_IN' }
    expect(await fob.vault.get(place)).toBeDefined()
    expect(fob.total()).toBe(storedOf(fob, runId))

    fob.clock.move(90 * DAY_MS - 60_000)
    await fob.sweep()
    expect((await fob.runs.get(TENANT, runId))?.logRemovedAt).toBeNull()
    expect(fob.rows(runId).every((count) => count > 0)).toBe(true)

    fob.clock.move(60_000)
    await fob.sweep()
    const ended = await fob.ended(runId)
    expect(ended.events).toEqual([
      expect.objectContaining({ type: 'exit', data: expect.objectContaining({ code: 1 }) }),
    ])
    expect(ended.record).toMatchObject({
      status: 'failed',
      args: ['--token=***REDACTED***'],
      tasks: [{ status: 'failure' }],
    })
    expect(ended.record.logRemovedAt).toBeCloseTo(fob.clock.now(), -4)
    expect(fob.rows(runId)).toEqual([1, 0, 0])
    expect(await fob.vault.get(place)).toBeUndefined()
    expect(fob.total()).toBe(0)
    expect(await failure(fob.runs.resume(TENANT, runId, 'ada'))).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('its log was removed'),
    })
  })

  test('stays for ever where that is wanted, and so does that of a run that goes on', async () => {
    await using fob = await openWorld()
    const { runId } = await fob.run(pipeline(sh('echo old')))
    const going = await fob.start(pipeline(sh('echo first; sleep 60')))
    for await (const event of fob.runs.events(TENANT, going, 0, AbortSignal.timeout(5000))) {
      if (event.type === 'log') break
    }
    fob.clock.move(10_000 * DAY_MS)
    await fob.sweep({ keepLogsMs: Infinity })
    expect(fob.rows(runId)[0]).toBeGreaterThan(3)
    await fob.sweep({ keepLogsBytes: 0, keepRunsMs: DAY_MS })
    expect(await fob.runs.get(TENANT, runId)).toBeUndefined()
    await fob.runs.stop(TENANT, going, 'enough')
    expect((await fob.ended(going)).text('stdout', 'task')).toBe('first\n')
  })

  test('goes, the oldest first, until the others have room; what ended just now stays', async () => {
    await using fob = await openWorld()
    const sizes: number[] = []
    const ids: string[] = []
    for (let i = 0; i < 4; i++) {
      const { runId } = await fob.run(pipeline(sh(`head -c ${(i + 1) * 20_000} /dev/zero | tr '\\0' x`)))
      ids.push(runId)
      sizes.push(storedOf(fob, runId))
      fob.clock.move(60 * 60_000)
    }
    const [a = 0, b = 0, c = 0, d = 0] = sizes
    expect(fob.total()).toBe(a + b + c + d)
    const left = async () => {
      const rows = await Promise.all(ids.map((id) => fob.runs.get(TENANT, id)))
      return rows.flatMap((row, i) => (row?.logRemovedAt === null ? [i] : []))
    }
    await fob.sweep({ keepLogsBytes: a + b + c + d })
    expect(await left()).toEqual([0, 1, 2, 3])
    await fob.sweep({ keepLogsBytes: b + c + d })
    expect(await left()).toEqual([1, 2, 3])
    await fob.sweep({ keepLogsBytes: c + d - 1 })
    expect(await left()).toEqual([3])
    expect(fob.total()).toBe(d)
    const { runId } = await fob.run(pipeline(sh('echo now')))
    await fob.sweep({ keepLogsBytes: 0 })
    expect(await left()).toEqual([])
    expect((await fob.runs.get(TENANT, runId))?.logRemovedAt).toBeNull()
    expect(fob.total()).toBe(storedOf(fob, runId))
  })

  test('counts what is stored, also of a run that was resumed', async () => {
    await using fob = await openWorld()
    const { runId } = await fob.run(FAILS)
    expect(fob.total()).toBe(storedOf(fob, runId))
    await fob.runs.resume(TENANT, runId, 'ada')
    // While it goes on, it is nobody's to remove.
    expect(fob.total()).toBe(0)
    await fob.ended(runId)
    expect(fob.total()).toBe(storedOf(fob, runId))
    fob.database.db.delete(runs).where(eq(runs.id, runId)).run()
    expect(fob.total()).toBe(0)
  })

  test('is removed in small steps, between which others have their turn, and by the next server if need be', async () => {
    await using fob = await openWorld()
    const { runId } = await fob.run(pipeline('for (let i = 0; i < 3000; i++) console.log("line " + i)'))
    const { db } = fob.database
    // As many rows as there are lines: the journal has put some together.
    db.delete(runEvents).where(eq(runEvents.type, 'log')).run()
    db.run(sql`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
      INSERT INTO run_events SELECT ${runId}, 100000 + i, 'log', '{"stream":"stdout","data":"line"}', 1 FROM n`)
    fob.clock.move(91 * DAY_MS)
    const first = retention(fob, fob.clock)
    const sweeping = first.purgeExpired().catch((error: unknown) => error)
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve))
    await first.close()
    expect(await sweeping).toMatchObject({ code: 'interrupted' })
    const [half = 0] = fob.rows(runId)
    expect(half).toBeGreaterThan(10_000)
    expect(half).toBeLessThan(20_000)
    expect((await fob.runs.get(TENANT, runId))?.logRemovedAt).not.toBeNull()

    // Also under settings by which it would be kept.
    let turns = 0
    const count = () => {
      turns += 1
      if (turns > 0) setImmediate(count)
    }
    setImmediate(count)
    await fob.sweep({ keepLogsMs: Infinity })
    expect(turns).toBeGreaterThanOrEqual(half / 500)
    turns = -Infinity
    expect([fob.rows(runId), fob.total()]).toEqual([[1, 0, 0], 0])
  })

  test('goes although the secret in what was handed in cannot be removed now; that is tried again', async () => {
    await using fob = await openWorld()
    await fob.secret('TOKEN', 'canary-value-1')
    const { runId } = await fob.run(FAILS, { args: ['canary-value-1'] })
    const other = (await fob.run(FAILS)).runId
    fob.clock.move(91 * DAY_MS)
    const broken = { ...fob.vault, remove: () => Promise.reject(new Error('away')) }
    await fob.sweep({ vault: broken })
    expect([fob.rows(runId), fob.rows(other)]).toEqual([
      [1, 0, 1],
      [1, 0, 0],
    ])
    expect(fob.total()).toBe(0)
    await fob.sweep()
    expect(fob.rows(runId)).toEqual([1, 0, 0])
    const place = { tenantId: TENANT, scope: `run/${runId}` as const, key: 'HANDED_IN' }
    expect(await fob.vault.get(place)).toBeUndefined()
  })
})

describe('the record of a run', () => {
  test('stays, unless the server is told otherwise; then it goes with all that hangs on it', async () => {
    await using fob = await openWorld()
    const old = (await fob.run(FAILS)).runId
    fob.clock.move(5 * DAY_MS)
    const young = (await fob.run(FAILS)).runId
    fob.clock.move(5 * DAY_MS)
    await fob.sweep({ keepRunsMs: 7 * DAY_MS })
    const { db } = fob.database
    expect(db.select({ id: runs.id }).from(runs).all()).toEqual([{ id: young }])
    expect(fob.rows(old)).toEqual([0, 0, 0])
    expect(db.select().from(runTasks).where(eq(runTasks.runId, old)).all()).toEqual([])
    expect(fob.rows(young).every((count) => count > 0)).toBe(true)
    expect(fob.total()).toBe(storedOf(fob, young))
    await fob.sweep()
    expect(await fob.runs.get(TENANT, young)).toBeDefined()
  })
})

test('the oldest run with a log is found by an index, however many have none any more', async () => {
  await using fob = await openWorld()
  const plan = fob.database.db.$client
    .query(
      `EXPLAIN QUERY PLAN SELECT id FROM runs WHERE log_bytes IS NOT NULL AND (ended_at, id) > (1, 'x')
       ORDER BY ended_at, id LIMIT 1`,
    )
    .all() as { detail: string }[]
  expect(plan.map(({ detail }) => detail)).toEqual([expect.stringContaining('INDEX runs_with_log')])
})

test('the rule of a pipeline goes with the last of its runs, if the pipeline has gone before', async () => {
  await using fob = await openWorld()
  const { db } = fob.database
  const rules = () => db.select({ id: pipelineRules.pipelineId }).from(pipelineRules).all()
  const [gone, stays] = ['pip_gone', 'pip_stays']
  for (const pipelineId of [gone, stays]) {
    await fob.run(FAILS, { pipelineId })
    await db
      .insert(pipelineRules)
      .values({ pipelineId, tenantId: TENANT, expression: 'Email == "a"', updatedAt: 0 })
  }
  await db.delete(pipelines).where(eq(pipelines.id, gone))
  fob.clock.move(DAY_MS)
  await fob.run(FAILS, { pipelineId: stays })
  await fob.sweep({ keepRunsMs: 2 * DAY_MS })
  expect(rules()).toEqual([{ id: gone }, { id: stays }])
  fob.clock.move(3 * DAY_MS)
  await fob.sweep({ keepRunsMs: 2 * DAY_MS })
  expect(db.select().from(runs).all()).toEqual([])
  expect(rules()).toEqual([{ id: stays }])
})

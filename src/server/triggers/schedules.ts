/** Starting runs at the times of their schedules. */
import { and, asc, eq, isNotNull, lte, min } from 'drizzle-orm'
import type { Schedule } from '../../contract/api/pipelines.ts'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Audit } from '../audit/audit.ts'
import { newId } from '../db/new-id.ts'
import type { Db, Transaction } from '../db/open-database.ts'
import { pipelines, pipelineSchedules as table } from '../db/schema.ts'
import type { Log } from '../log.ts'
import type { Runs } from '../runs/runs.ts'
import { checkTimetable, countOccurrences, nextOccurrence } from './cron-occurrences.ts'

type Pipeline = typeof pipelines.$inferSelect
export type ScheduleRow = typeof table.$inferSelect

export interface Schedules {
  /** @throws Fault `usage` */
  check(schedules: readonly Schedule[]): void
  /**
   * Replaces the schedules of a pipeline. A schedule that is unchanged keeps its record.
   * @param within the immediate transaction that the pipeline is replaced in; without it, one of its own
   */
  set(pipelineId: string, schedules: readonly Schedule[], within?: Transaction): void
  of(pipelineId: string): Promise<ScheduleRow[]>
  /** Waits for the runs that it is just starting. */
  close(): Promise<void>
}

export interface SchedulesOptions {
  db: Db
  clock: Clock
  log: Log
  audit: Audit
  runs: Runs
}

/**
 * An occurrence that nobody came to for so long was missed: the server was down, or the machine slept. One that is
 * less late, after a quick restart, is still run.
 */
const MISSED_AFTER_MS = 60_000
/** So that a clock that jumps is noticed soon, whatever timers make of it. */
const LOOK_EVERY_MS = 15_000
/** A schedule that is refused every second is only counted: the audit log keeps every entry for ever. */
const REPORT_EVERY_MS = 60_000
/** More are not counted. */
const MOST_COUNTED = 100

/**
 * Starts runs when their time has come. What is next stands in the database, always worked out from the time of
 * day and never from the last run: nothing drifts, and nothing happens twice when clocks are set back.
 */
export function openSchedules(options: SchedulesOptions): Schedules {
  const { db, clock } = options
  const closing = new AbortController()
  let wake = new AbortController()
  const loop = run()

  async function run(): Promise<void> {
    await resumePending(options).catch(failed)
    while (!closing.signal.aborted) {
      wake = new AbortController()
      const ms = await round().catch((error: unknown) => {
        failed(error)
        return LOOK_EVERY_MS
      })
      await clock.sleep(ms, AbortSignal.any([closing.signal, wake.signal])).catch(() => {})
    }
  }

  /** @returns how long nothing is to be done. */
  async function round(): Promise<number> {
    const now = clock.now()
    for (const { schedule, pipeline } of await due(now)) {
      if (!closing.signal.aborted) await occur(schedule, pipeline, now, options)
    }
    const [first] = await db.select({ at: min(table.nextAt) }).from(table)
    return Math.min(LOOK_EVERY_MS, Math.max(1, (first?.at ?? Infinity) - clock.now()))
  }

  function failed(error: unknown): void {
    // A defect's words could hold anything.
    const kind = error instanceof Error ? error.name : typeof error
    options.log.error('the schedules could not be looked at', { kind })
  }

  async function due(now: number) {
    return await db
      .select({ schedule: table, pipeline: pipelines })
      .from(table)
      .innerJoin(pipelines, eq(pipelines.id, table.pipelineId))
      .where(lte(table.nextAt, now))
      .orderBy(asc(table.nextAt))
  }

  return {
    check(schedules) {
      for (const schedule of schedules) checkTimetable(schedule, clock.now())
      const different = new Set(schedules.map(({ cron, timeZone }) => `${cron} ${timeZone}`))
      if (different.size < schedules.length) throw new Fault('usage', 'a schedule is given twice')
    },
    set(pipelineId, schedules, within) {
      const write = (tx: Transaction) => replace(tx, pipelineId, schedules, clock.now())
      if (within === undefined) db.transaction(write, { behavior: 'immediate' })
      else write(within)
      // The loop continues in a later turn, so after the transaction, which is synchronous.
      wake.abort()
    },
    of: (pipelineId) =>
      db.select().from(table).where(eq(table.pipelineId, pipelineId)).orderBy(asc(table.number)),
    async close() {
      closing.abort()
      await loop
    },
  }
}

function replace(tx: Transaction, pipelineId: string, schedules: readonly Schedule[], now: number): void {
  const isIts = eq(table.pipelineId, pipelineId)
  const before = tx.select().from(table).where(isIts).all()
  tx.delete(table).where(isIts).run()
  for (const [index, { cron, timeZone, catchUp }] of schedules.entries()) {
    const same = before.find((row) => row.cron === cron && row.timeZone === timeZone)
    const next = same ? same.nextAt : (nextOccurrence({ cron, timeZone }, now) ?? null)
    const row = { ...same, pipelineId, number: index + 1, cron, timeZone, catchUp, nextAt: next }
    tx.insert(table).values(row).run()
  }
}

/** What a killed server had decided to run and did not come to is due again. */
async function resumePending({ db, runs }: SchedulesOptions): Promise<void> {
  const rows = await db
    .select({ schedule: table, tenantId: pipelines.tenantId })
    .from(table)
    .innerJoin(pipelines, eq(pipelines.id, table.pipelineId))
    .where(isNotNull(table.pendingRunId))
  for (const { schedule, tenantId } of rows) {
    const { pendingRunId, lastAt } = schedule
    const hasBegun = (await runs.get(tenantId, pendingRunId ?? '')) !== undefined
    const change = hasBegun ? { lastRunId: pendingRunId } : { nextAt: lastAt }
    await db
      .update(table)
      .set({ ...change, pendingRunId: null })
      .where(isThis(schedule))
  }
}

/** An occurrence has come, or had come long ago. */
async function occur(
  schedule: ScheduleRow,
  pipeline: Pipeline,
  now: number,
  options: SchedulesOptions,
): Promise<void> {
  const { db } = options
  const dueAt = schedule.nextAt ?? now
  const nextAt = nextOccurrence(schedule, now) ?? null
  // What a paused pipeline misses was meant to be missed.
  if (pipeline.paused) {
    await db.update(table).set({ nextAt }).where(isThis(schedule))
    return
  }
  const isMissed = now - dueAt > MISSED_AFTER_MS
  const runId = isMissed && !schedule.catchUp ? null : newId('run')
  // First the decision, then the run: dying in between must not make two of it.
  const change = { nextAt, lastAt: dueAt, pendingRunId: runId }
  await db.update(table).set(change).where(isThis(schedule))
  if (isMissed) {
    const count = countOccurrences(schedule, dueAt, now, MOST_COUNTED)
    await report(schedule, pipeline, { count, because: 'the server was not running' }, options)
  }
  if (runId !== null) await start(schedule, pipeline, runId, options)
}

async function start(
  schedule: ScheduleRow,
  pipeline: Pipeline,
  runId: string,
  options: SchedulesOptions,
): Promise<void> {
  const { db, runs, audit, log } = options
  const { tenantId } = pipeline
  try {
    const { cron, timeZone } = schedule
    const origin = { kind: 'schedule', cron, timeZone } as const
    const input = { args: [], task: undefined }
    await runs.start({ runId, tenantId, pipeline, ...input, triggeredBy: 'schedule', origin })
  } catch (error) {
    if (!(error instanceof Fault)) log.error('a scheduled run broke', { pipeline: pipeline.name })
    const because = error instanceof Fault ? error.message : 'the server could not start it'
    await db.update(table).set({ pendingRunId: null }).where(isThis(schedule))
    return await report(schedule, pipeline, { count: 1, because }, options)
  }
  await db.update(table).set({ pendingRunId: null, lastRunId: runId }).where(isThis(schedule))
  const details = { pipeline: pipeline.name, trigger: 'schedule' }
  audit.record({ tenantId, actor: 'schedule', action: 'run.start', target: runId, details })
}

/** In the log, on record, and for who looks at the pipeline. */
async function report(
  schedule: ScheduleRow,
  { name, tenantId }: Pipeline,
  { count, because }: { count: number; because: string },
  { db, clock, log, audit }: SchedulesOptions,
): Promise<void> {
  const { cron, missedAt, missedBecause } = schedule
  if (missedAt !== null && missedBecause === because && clock.now() - missedAt < REPORT_EVERY_MS) {
    const missed = Math.min(MOST_COUNTED, (schedule.missed ?? 0) + count)
    await db.update(table).set({ missed }).where(isThis(schedule))
    return
  }
  await db
    .update(table)
    .set({ missedAt: clock.now(), missed: count, missedBecause: because })
    .where(isThis(schedule))
  log.warn('scheduled runs were missed', { pipeline: name, cron, count, because })
  const details = { cron, count, because }
  audit.record({ tenantId, actor: 'schedule', action: 'schedule.missed', target: name, details })
}

function isThis({ pipelineId, cron, timeZone }: ScheduleRow) {
  return and(eq(table.pipelineId, pipelineId), eq(table.cron, cron), eq(table.timeZone, timeZone))
}

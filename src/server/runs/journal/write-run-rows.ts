/** The rows of runs and scripts that a run's journal writes, each within a transaction of the caller. */
import { and, asc, count, eq, isNotNull, isNull, max, sql } from 'drizzle-orm'
import { Fault } from '../../../contract/fault.ts'
import type { Db } from '../../db/open-database.ts'
import { pipelines, runEvents, runs, runTasks } from '../../db/schema.ts'
import { runAnswers, runAttempts, runScripts } from '../../db/run-journal-schema.ts'
import type { RunEnd } from './run-journal-type.ts'

export type Write = Parameters<Parameters<Db['transaction']>[0]>[0]

export type NewRun = Pick<
  typeof runs.$inferInsert,
  | 'id'
  | 'tenantId'
  | 'pipelineId'
  | 'pipelineName'
  | 'triggeredBy'
  | 'starter'
  | 'tokenName'
  | 'origin'
  | 'repeats'
  | 'sourceSha256'
  | 'inputRedacted'
  | 'args'
  | 'task'
  | 'timeoutMs'
>
export type NewScript = Pick<
  typeof runScripts.$inferInsert,
  'driver' | 'filename' | 'source' | 'seed' | 'clock' | 'handedIn'
>

/** @throws Fault `not_found` when the pipeline was removed: its rule went with it, so anybody would see the run */
export function insertRun(tx: Write, run: NewRun, script: NewScript, createdAt: number): void {
  const pipeline = tx.select({ id: pipelines.id }).from(pipelines).where(eq(pipelines.id, run.pipelineId))
  if (!pipeline.get()) throw new Fault('not_found', `the pipeline ${run.pipelineName} was removed`)
  tx.insert(runs)
    .values({ ...run, status: 'queued', createdAt })
    .run()
  tx.insert(runScripts)
    .values({ ...script, runId: run.id })
    .run()
}

export function startRun(tx: Write, runId: string, startedAt: number): void {
  const set = { status: 'running' as const, startedAt: sql`coalesce(${runs.startedAt}, ${startedAt})` }
  tx.update(runs).set(set).where(eq(runs.id, runId)).run()
}

/** Keeps what the run says of the attempt that has ended: the next one replaces it. */
function insertEndedAttempt(tx: Write, runId: string, resumed: { at: number; by: string }): void {
  const run = tx.select().from(runs).where(eq(runs.id, runId)).get()
  if (run?.status !== 'failed' && run?.status !== 'stopped') return
  const last = tx
    .select({ id: max(runEvents.id) })
    .from(runEvents)
    .where(eq(runEvents.runId, runId))
    .get()
  const { attempt, status, message, startedAt, endedAt } = run
  const ended = { attempt, status, message, startedAt, endedAt, lastEvent: last?.id ?? 0 }
  tx.insert(runAttempts)
    .values({ ...ended, runId, resumedAt: resumed.at, resumedBy: resumed.by })
    .run()
}

/**
 * Queues a run that has ended for its next attempt. Its log and its recorded responses stay.
 * @throws Fault `conflict` when those are not stored any more
 */
export function resumeRun(tx: Write, runId: string, by: { at: number; by: string }): void {
  insertEndedAttempt(tx, runId, by)
  const open = { status: 'queued' as const, message: null, endedAt: null, startedAt: null, stopReason: null }
  const resumed = tx
    .update(runs)
    .set({ ...open, redactions: null, logBytes: null, attempt: sql`${runs.attempt} + 1` })
    .where(and(eq(runs.id, runId), isNull(runs.logRemovedAt)))
    .returning({ id: runs.id })
    .all()
  if (resumed.length === 0) throw logRemoved()
  const [last] = tx
    .select({ number: max(runTasks.number) })
    .from(runTasks)
    .where(eq(runTasks.runId, runId))
    .all()
  tx.update(runScripts)
    .set({ firstNumber: last?.number ?? 0, stdoutBytes: 0, stderrBytes: 0, takeUps: 0 })
    .where(eq(runScripts.runId, runId))
    .run()
  // The exit is the last event of a run, and this run continues.
  tx.delete(runEvents)
    .where(and(eq(runEvents.runId, runId), eq(runEvents.type, 'exit')))
    .run()
}

/** A server that is killed more seldom than this is not killed by the run. */
const IN_A_ROW_MS = 60 * 60_000

/**
 * Notes that an interrupted run is about to be continued, before anything of it is.
 * @returns how often in a row that happened without a response, or the end of a task, in between
 */
export function countRestart(tx: Write, runId: string, at: number): number {
  const isOfRun = eq(runScripts.runId, runId)
  const [script] = tx.select().from(runScripts).where(isOfRun).all()
  if (!script) return 0
  const [responses] = tx.select({ n: count() }).from(runAnswers).where(eq(runAnswers.runId, runId)).all()
  const isEnded = and(eq(runTasks.runId, runId), isNotNull(runTasks.endedAt))
  const [tasks] = tx.select({ n: count() }).from(runTasks).where(isEnded).all()
  const progress = (responses?.n ?? 0) + (tasks?.n ?? 0)
  const isInARow = script.takenUpWith === progress && at - (script.takenUpAt ?? 0) < IN_A_ROW_MS
  const restarts = (isInARow ? script.takeUps : 0) + 1
  tx.update(runScripts).set({ takeUps: restarts, takenUpAt: at, takenUpWith: progress }).where(isOfRun).run()
  return restarts
}

/** For a server that shuts down in good order: frequent restarts are no fault of the run. */
export function resetRestarts(tx: Write, runId: string): void {
  tx.update(runScripts).set({ takeUps: 0 }).where(eq(runScripts.runId, runId)).run()
}

/** Why a run whose log was removed cannot be resumed. */
export function logRemoved(): Fault {
  return new Fault(
    'conflict',
    'the run cannot be resumed: its log was removed, and with it the record of what it had done',
    {
      hint: 'start a new run of the pipeline; how long logs are stored is a setting of the server (--keep-logs)',
    },
  )
}

/** @param stored bytes of the run's events, the last ones too, and of its responses */
export function endRun(
  tx: Write,
  runId: string,
  end: RunEnd,
  { endedAt, stored }: { endedAt: number; stored: { events: number; responses: number } },
): void {
  const { status, message, redactions = [] } = end
  const logBytes = stored.events + (status === 'success' ? 0 : stored.responses)
  const isOpen = and(eq(runTasks.runId, runId), eq(runTasks.status, 'running'))
  tx.update(runTasks).set({ status: 'abort', endedAt }).where(isOpen).run()
  tx.update(runs)
    .set({ status, message: message ?? null, redactions, logBytes, endedAt, stopReason: null })
    .where(eq(runs.id, runId))
    .run()
  if (status !== 'success') return
  // A run that has succeeded is never resumed.
  tx.delete(runScripts).where(eq(runScripts.runId, runId)).run()
  tx.delete(runAnswers).where(eq(runAnswers.runId, runId)).run()
}

/** The tasks that are recorded as running. */
export function openTasks(db: Pick<Db, 'select'>, runId: string): { name: string; number: number }[] {
  return db
    .select({ name: runTasks.name, number: runTasks.number })
    .from(runTasks)
    .where(and(eq(runTasks.runId, runId), eq(runTasks.status, 'running')))
    .orderBy(asc(runTasks.number))
    .all()
}

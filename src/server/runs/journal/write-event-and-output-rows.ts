/** The events of a run: their rows, how much of its output is stored, and what both take in the database. */
import { and, eq, max, sql } from 'drizzle-orm'
import type { NumberedEvent, RunEvent, RunStatus, TaskStatus } from '../../../contract/run-events.ts'
import type { Db } from '../../db/open-database.ts'
import { runEvents, runTasks } from '../../db/schema.ts'
import { runAnswers, runScripts } from '../../db/run-journal-schema.ts'
import type { Offsets } from '../drivers/driver-interface.ts'
import { entryBytes } from '../log/log-size-limit.ts'
import type { RunEnd } from './run-journal-type.ts'

export type EventRow = typeof runEvents.$inferInsert

/** What a run takes in the database, in bytes, with a fixed cost for each row. */
export interface StoredBytes {
  events: number
  responses: number
}

/** How much of each stream is in the log, by the number of the task; 0 is the script. */
export function readOffsets(db: Pick<Db, 'select'>, runId: string): Map<number, Offsets> {
  const script = db
    .select({ stdout: runScripts.stdoutBytes, stderr: runScripts.stderrBytes })
    .from(runScripts)
    .where(eq(runScripts.runId, runId))
    .all()
  const tasks = db
    .select({ number: runTasks.number, stdout: runTasks.stdoutBytes, stderr: runTasks.stderrBytes })
    .from(runTasks)
    .where(eq(runTasks.runId, runId))
    .all()
  const offsets = new Map(tasks.map(({ number, stdout, stderr }) => [number, { stdout, stderr }]))
  for (const ofScript of script) offsets.set(0, ofScript)
  return offsets
}

export function toEventRows(runId: string, events: NumberedEvent[], at: number): EventRow[] {
  return events.map(({ id, type, data }) => ({ runId, id, type, data: JSON.stringify(data), at }))
}

export function eventBytes(events: readonly EventRow[]): number {
  return events.reduce((sum, { data }) => sum + entryBytes(data), 0)
}

/** Counts what a recorded run takes. SQLite knows the length of a text without reading it. */
export function readStoredBytes(db: Pick<Db, 'select'>, runId: string): StoredBytes {
  const [events] = db
    .select({ bytes: sumOf(runEvents.data) })
    .from(runEvents)
    .where(eq(runEvents.runId, runId))
    .all()
  const [responses] = db
    .select({ bytes: sumOf(runAnswers.json) })
    .from(runAnswers)
    .where(eq(runAnswers.runId, runId))
    .all()
  return { events: events?.bytes ?? 0, responses: responses?.bytes ?? 0 }
}

function sumOf(column: typeof runEvents.data | typeof runAnswers.json) {
  return sql<number>`coalesce(sum(octet_length(${column}) + ${entryBytes('')}), 0)`
}

/** The number of the last event of a run; 0 where there is none. */
export function readLastEventId(db: Pick<Db, 'select'>, runId: string): number {
  const [last] = db
    .select({ id: max(runEvents.id) })
    .from(runEvents)
    .where(eq(runEvents.runId, runId))
    .all()
  return last?.id ?? 0
}

/** The number of the last response of an attempt; 0 where there is none. */
export function readLastResponse(db: Pick<Db, 'select'>, runId: string, attempt: number): number {
  const [last] = db
    .select({ seq: max(runAnswers.seq) })
    .from(runAnswers)
    .where(and(eq(runAnswers.runId, runId), eq(runAnswers.attempt, attempt)))
    .all()
  return last?.seq ?? 0
}

export function runStatusEvent(status: RunStatus, attempt: number): RunEvent {
  return { type: 'run', data: attempt > 1 ? { status, attempt } : { status } }
}

export function taskEvent(
  task: { name: string; number: number },
  status: TaskStatus,
  code?: number,
): RunEvent {
  const { name, number } = task
  return {
    type: 'task',
    data: code === undefined ? { name, number, status } : { name, number, status, code },
  }
}

export function exitEvent(runId: string, { status, message }: RunEnd): RunEvent {
  const code = status === 'success' ? 0 : 1
  return {
    type: 'exit',
    data: message === undefined ? { code, run_id: runId } : { code, run_id: runId, message },
  }
}

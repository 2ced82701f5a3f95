/** The rows of events and output that a run's journal writes. */
import { and, eq, max, sql } from 'drizzle-orm'
import type { NumberedEvent, RunEvent, RunStatus, TaskStatus } from '../../../contract/run-events.ts'
import type { Db } from '../../db/open-database.ts'
import { runEvents, runTasks } from '../../db/schema.ts'
import { runAnswers, runScripts } from '../../db/run-journal-schema.ts'
import type { Offsets } from '../drivers/driver-interface.ts'
import { entryBytes } from '../log/log-size-limit.ts'
import type { LogEntry, OutputMark, RunEnd } from './run-journal-type.ts'
import type { Write } from './write-run-rows.ts'

/** The connection itself, for rows that are written so often that drizzle's own time would matter. */
type Client = Db['$client']

type EventRow = typeof runEvents.$inferInsert

/** What a run takes in the database, in bytes, with a fixed cost for each row. */
export interface StoredBytes {
  events: number
  responses: number
}

export function storeMark(client: Client, runId: string, { number, stream, bytes }: OutputMark): void {
  const column = stream === 'stdout' ? 'stdout_bytes' : 'stderr_bytes'
  if (number === 0) {
    client.query(`UPDATE run_scripts SET ${column} = ? WHERE run_id = ?`).run(bytes, runId)
  } else {
    client
      .query(`UPDATE run_tasks SET ${column} = ? WHERE run_id = ? AND number = ?`)
      .run(bytes, runId, number)
  }
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

export function insertEvents(tx: Write, events: EventRow[]): void {
  if (events.length > 0) tx.insert(runEvents).values(events).run()
}

/**
 * @param client the connection of the caller's transaction: all output passes here
 * @param from `id` of the first entry and the instant of all
 * @returns the bytes that the entries take
 */
export function insertLog(
  client: Client,
  runId: string,
  entries: readonly LogEntry[],
  { id: first, at }: { id: number; at: number },
): number {
  if (entries.length === 0) return 0
  // SQLite escapes the text as UTF-8, so output becomes no string here; it takes half the time of JSON.stringify.
  const insertOfTask = client.query<never, (string | number | Uint8Array)[]>(
    `INSERT INTO run_events (run_id, id, at, type, data)
      VALUES (?, ?, ?, 'log', json_object('task', ?, 'number', ?, 'stream', ?, 'data', CAST(? AS TEXT)))`,
  )
  const insertOfScript = client.query<never, (string | number | Uint8Array)[]>(
    `INSERT INTO run_events (run_id, id, at, type, data)
      VALUES (?, ?, ?, 'log', json_object('stream', ?, 'data', CAST(? AS TEXT)))`,
  )
  for (const [index, { task, number, stream, data }] of entries.entries()) {
    const id = first + index
    if (task === undefined || number === undefined) insertOfScript.run(runId, id, at, stream, data)
    else insertOfTask.run(runId, id, at, task, number, stream, data)
  }
  // Asked once for all: RETURNING would copy every text. SQLite knows the length of a text without reading it.
  const written = client
    .query<{ bytes: number }, [string, number, number]>(
      'SELECT sum(octet_length(data)) AS bytes FROM run_events WHERE run_id = ? AND id BETWEEN ? AND ?',
    )
    .get(runId, first, first + entries.length - 1)
  return (written?.bytes ?? 0) + entries.length * entryBytes('')
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

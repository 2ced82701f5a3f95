import { and, asc, count, eq, isNotNull, isNull, max, sql } from 'drizzle-orm'
import type { NumberedEvent, RunEvent, RunStatus, TaskStatus } from '../../../contract/run-events.ts'
import { Fault } from '../../../contract/fault.ts'
import type { Db } from '../../db/open-database.ts'
import { pipelines, runEvents, runs, runTasks } from '../../db/schema.ts'
import { runAnswers, runScripts } from '../../db/run-journal-schema.ts'
import { entryBytes } from '../log/log-size-limit.ts'

/** The rows that the journal writes, each function within a transaction of its caller. */
export type Write = Parameters<Parameters<Db['transaction']>[0]>[0]

/** The connection itself, for what is written so often that drizzle's part of it would count. */
type Client = Db['$client']

export type NewRun = Pick<
  typeof runs.$inferInsert,
  'id' | 'tenantId' | 'pipelineId' | 'pipelineName' | 'triggeredBy' | 'args' | 'task' | 'timeoutMs'
>
export type NewScript = Pick<
  typeof runScripts.$inferInsert,
  'driver' | 'filename' | 'source' | 'seed' | 'clock' | 'handedIn'
>
export type NewAnswer = Omit<typeof runAnswers.$inferInsert, 'runId' | 'attempt' | 'seq'>

export interface LogEntry {
  task?: string
  number?: number
  stream: 'stdout' | 'stderr'
  data: string
}

/** How much of one stream, before redaction, is in the log: of a task, or of the script itself. */
export interface Mark {
  /** The task's; 0 is the script. */
  number: number
  stream: 'stdout' | 'stderr'
  bytes: number
}

export interface RunEnd {
  status: 'success' | 'failed' | 'stopped'
  message: string | undefined
  /** How often each secret was hidden, and where; unknown for a run whose server died. */
  redactions?: { secret: string; in: string; hits: number }[]
}

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

/**
 * A run that has ended goes on: as if it had not, but for what it has logged and answered.
 * @throws Fault `conflict` when that is not kept any more
 */
export function resumeRun(tx: Write, runId: string): void {
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
  // The exit is the last event of a run, and this one goes on.
  tx.delete(runEvents)
    .where(and(eq(runEvents.runId, runId), eq(runEvents.type, 'exit')))
    .run()
}

/** Servers that are killed less often than this are not killed by the run. */
const IN_A_ROW_MS = 60 * 60_000

/**
 * Notes that a run is about to be taken up, before anything of it is.
 * @returns how often in a row that happened without an answer, or the end of a task, in between
 */
export function noteTakeUp(tx: Write, runId: string, at: number): number {
  const isIts = eq(runScripts.runId, runId)
  const [script] = tx.select().from(runScripts).where(isIts).all()
  if (!script) return 0
  const [answers] = tx.select({ n: count() }).from(runAnswers).where(eq(runAnswers.runId, runId)).all()
  const isEnded = and(eq(runTasks.runId, runId), isNotNull(runTasks.endedAt))
  const [tasks] = tx.select({ n: count() }).from(runTasks).where(isEnded).all()
  const takenUpWith = (answers?.n ?? 0) + (tasks?.n ?? 0)
  const inARow = script.takenUpWith === takenUpWith && at - (script.takenUpAt ?? 0) < IN_A_ROW_MS
  const takeUps = (inARow ? script.takeUps : 0) + 1
  tx.update(runScripts).set({ takeUps, takenUpAt: at, takenUpWith }).where(isIts).run()
  return takeUps
}

/** The server left it in good order: being started anew often is no fault of the run's. */
export function forgetTakeUps(tx: Write, runId: string): void {
  tx.update(runScripts).set({ takeUps: 0 }).where(eq(runScripts.runId, runId)).run()
}

/** Why a run whose log was removed cannot go on. */
export function logRemoved(): Fault {
  return new Fault(
    'conflict',
    'the run cannot be resumed: its log was removed, and with it what it had done',
    {
      hint: 'run the pipeline anew; how long logs are kept is a setting of the server (--keep-logs)',
    },
  )
}

/** A task that is run again after its server died begins anew: none of its output counts as logged. */
export function startTask(
  tx: Write,
  task: { runId: string; number: number; name: string; attempt: number; startedAt: number },
): void {
  const set = { status: 'running' as const, startedAt: task.startedAt, stdoutBytes: 0, stderrBytes: 0 }
  tx.insert(runTasks)
    .values({ ...task, status: 'running' })
    .onConflictDoUpdate({ target: [runTasks.runId, runTasks.number], set })
    .run()
}

export function endTask(
  tx: Write,
  { runId, number }: { runId: string; number: number },
  set: { status: TaskStatus; code: number | null; endedAt: number },
): void {
  tx.update(runTasks)
    .set(set)
    .where(and(eq(runTasks.runId, runId), eq(runTasks.number, number)))
    .run()
}

export function storeMark(client: Client, runId: string, { number, stream, bytes }: Mark): void {
  const column = stream === 'stdout' ? 'stdout_bytes' : 'stderr_bytes'
  if (number === 0) {
    client.query(`UPDATE run_scripts SET ${column} = ? WHERE run_id = ?`).run(bytes, runId)
  } else {
    client
      .query(`UPDATE run_tasks SET ${column} = ? WHERE run_id = ? AND number = ?`)
      .run(bytes, runId, number)
  }
}

/** Of the script, which is number 0, and of all tasks. */
export function storedMarks(
  db: Pick<Db, 'select'>,
  runId: string,
): { number: number; stdout: number; stderr: number }[] {
  const script = db
    .select({ number: sql<number>`0`, stdout: runScripts.stdoutBytes, stderr: runScripts.stderrBytes })
    .from(runScripts)
    .where(eq(runScripts.runId, runId))
    .all()
  const tasks = db
    .select({ number: runTasks.number, stdout: runTasks.stdoutBytes, stderr: runTasks.stderrBytes })
    .from(runTasks)
    .where(eq(runTasks.runId, runId))
    .all()
  return [...script, ...tasks]
}

/** @param stored bytes of its events, the last ones too, and of its answers */
export function endRun(
  tx: Write,
  runId: string,
  end: RunEnd,
  { endedAt, stored }: { endedAt: number; stored: StoredBytes },
): void {
  const { status, message, redactions = [] } = end
  const logBytes = stored.events + (status === 'success' ? 0 : stored.answers)
  const isOpen = and(eq(runTasks.runId, runId), eq(runTasks.status, 'running'))
  tx.update(runTasks).set({ status: 'abort', endedAt }).where(isOpen).run()
  tx.update(runs)
    .set({ status, message: message ?? null, redactions, logBytes, endedAt, stopReason: null })
    .where(eq(runs.id, runId))
    .run()
  if (status !== 'success') return
  // What has succeeded is not begun again.
  tx.delete(runScripts).where(eq(runScripts.runId, runId)).run()
  tx.delete(runAnswers).where(eq(runAnswers.runId, runId)).run()
}

export function openTasks(db: Pick<Db, 'select'>, runId: string): { name: string; number: number }[] {
  return db
    .select({ name: runTasks.name, number: runTasks.number })
    .from(runTasks)
    .where(and(eq(runTasks.runId, runId), eq(runTasks.status, 'running')))
    .orderBy(asc(runTasks.number))
    .all()
}

export type EventRow = typeof runEvents.$inferInsert

export function toEventRows(runId: string, events: NumberedEvent[], at: number): EventRow[] {
  return events.map(({ id, type, data }) => ({ runId, id, type, data: JSON.stringify(data), at }))
}

export function insertEvents(tx: Write, events: EventRow[]): void {
  if (events.length > 0) tx.insert(runEvents).values(events).run()
}

/**
 * @param client the connection of the caller's transaction: all output passes here
 * @param from `id` of the first entry and the instant of all
 * @returns the bytes that this takes
 */
export function insertLog(
  client: Client,
  runId: string,
  entries: readonly LogEntry[],
  { id: first, at }: { id: number; at: number },
): number {
  // SQLite escapes the text while it encodes it, which takes half the time.
  const insert = client.query<{ bytes: number }, (string | number)[]>(
    `INSERT INTO run_events (run_id, id, at, type, data)
      VALUES (?, ?, ?, 'log', json_object('task', ?, 'number', ?, 'stream', ?, 'data', ?))
      RETURNING octet_length(data) AS bytes`,
  )
  const insertOfScript = client.query<{ bytes: number }, (string | number)[]>(
    `INSERT INTO run_events (run_id, id, at, type, data)
      VALUES (?, ?, ?, 'log', json_object('stream', ?, 'data', ?)) RETURNING octet_length(data) AS bytes`,
  )
  let bytes = 0
  for (const [index, { task, number, stream, data }] of entries.entries()) {
    const id = first + index
    const row =
      task === undefined || number === undefined
        ? insertOfScript.get(runId, id, at, stream, data)
        : insert.get(runId, id, at, task, number, stream, data)
    bytes += (row?.bytes ?? 0) + entryBytes('')
  }
  return bytes
}

/** What a run has in the database, with what a row costs. */
export interface StoredBytes {
  events: number
  answers: number
}

export function eventBytes(events: readonly EventRow[]): number {
  return events.reduce((sum, { data }) => sum + entryBytes(data), 0)
}

/** Of a run that is taken up. SQLite knows the length of a text without reading it. */
export function storedBytes(db: Pick<Db, 'select'>, runId: string): StoredBytes {
  const [events] = db
    .select({ bytes: sumOf(runEvents.data) })
    .from(runEvents)
    .where(eq(runEvents.runId, runId))
    .all()
  const [answers] = db
    .select({ bytes: sumOf(runAnswers.json) })
    .from(runAnswers)
    .where(eq(runAnswers.runId, runId))
    .all()
  return { events: events?.bytes ?? 0, answers: answers?.bytes ?? 0 }
}

function sumOf(column: typeof runEvents.data | typeof runAnswers.json) {
  return sql<number>`coalesce(sum(octet_length(${column}) + ${entryBytes('')}), 0)`
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

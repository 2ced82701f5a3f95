import { and, asc, eq, max, sql } from 'drizzle-orm'
import type { NumberedEvent, RunEvent, RunStatus, TaskStatus } from '../../contract/events.ts'
import type { Db } from '../db/open.ts'
import { runEvents, runs, runTasks } from '../db/schema.ts'
import { runAnswers, runScripts } from '../db/schema-journal.ts'

/** The rows that the journal writes, each function within a transaction of its caller. */
export type Write = Parameters<Parameters<Db['transaction']>[0]>[0]

/** The connection itself, for what is written so often that drizzle's part of it would count. */
type Client = Db['$client']

export type NewRun = Pick<
  typeof runs.$inferInsert,
  'id' | 'tenantId' | 'pipelineId' | 'pipelineName' | 'triggeredBy' | 'args' | 'task'
>
export type NewScript = Omit<typeof runScripts.$inferInsert, 'runId' | 'firstNumber'>
export type NewAnswer = Omit<typeof runAnswers.$inferInsert, 'runId' | 'attempt' | 'seq'>

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

export function insertRun(tx: Write, run: NewRun, script: NewScript, createdAt: number): void {
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

/** A run that has ended goes on: as if it had not, but for what it has logged and answered. */
export function resumeRun(tx: Write, runId: string): void {
  const open = { status: 'queued' as const, message: null, endedAt: null, startedAt: null, stopReason: null }
  tx.update(runs)
    .set({ ...open, redactions: null, attempt: sql`${runs.attempt} + 1` })
    .where(eq(runs.id, runId))
    .run()
  const [last] = tx
    .select({ number: max(runTasks.number) })
    .from(runTasks)
    .where(eq(runTasks.runId, runId))
    .all()
  tx.update(runScripts)
    .set({ firstNumber: last?.number ?? 0, stdoutBytes: 0, stderrBytes: 0 })
    .where(eq(runScripts.runId, runId))
    .run()
  // The exit is the last event of a run, and this one goes on.
  tx.delete(runEvents)
    .where(and(eq(runEvents.runId, runId), eq(runEvents.type, 'exit')))
    .run()
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

export function endRun(tx: Write, runId: string, end: RunEnd, endedAt: number): void {
  const { status, message, redactions = [] } = end
  const isOpen = and(eq(runTasks.runId, runId), eq(runTasks.status, 'running'))
  tx.update(runTasks).set({ status: 'abort', endedAt }).where(isOpen).run()
  tx.update(runs)
    .set({ status, message: message ?? null, redactions, endedAt, stopReason: null })
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

/** @param client the connection of the caller's transaction: all output passes here */
export function insertEvents(client: Client, runId: string, events: NumberedEvent[], at: number): void {
  const insert = client.query('INSERT INTO run_events (run_id, id, at, type, data) VALUES (?, ?, ?, ?, ?)')
  // SQLite escapes the text while it encodes it, which takes half the time.
  const insertLog = client.query(`INSERT INTO run_events (run_id, id, at, type, data) VALUES (?, ?, ?, 'log',
    json_object('task', ?, 'number', ?, 'stream', ?, 'data', ?))`)
  for (const { id, type, data } of events) {
    if (type === 'log' && data.task !== undefined && data.number !== undefined) {
      insertLog.run(runId, id, at, data.task, data.number, data.stream, data.data)
    } else {
      insert.run(runId, id, at, type, JSON.stringify(data))
    }
  }
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

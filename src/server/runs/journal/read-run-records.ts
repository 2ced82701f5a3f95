/** Reading the record of runs: one run, its tasks, and its events. */
import { and, asc, eq, max } from 'drizzle-orm'
import * as v from 'valibot'
import { type NumberedEvent, runEventSchema } from '../../../contract/run-events.ts'
import type { Db } from '../../db/open-database.ts'
import { runAttempts } from '../../db/run-journal-schema.ts'
import { pipelines, runEvents, runs, runTasks } from '../../db/schema.ts'

/** Instants are milliseconds since 1970. `args`, `task` and `message` have been through the redactor. */
export type RunRow = typeof runs.$inferSelect
/** A run as lists show it: without its input, which can be long. */
export type RunEntry = Omit<RunRow, 'args' | 'task' | 'redactions'>
export type TaskRow = typeof runTasks.$inferSelect
export type AttemptRow = typeof runAttempts.$inferSelect
/** A run with its tasks, in the order in which the script asked for them, and its attempts before the latest. */
export type RunRecord = RunRow & { tasks: TaskRow[]; earlierAttempts: AttemptRow[] }

export async function findRun(db: Db, tenantId: string, id: string): Promise<RunRow | undefined> {
  const [row] = await db
    .select()
    .from(runs)
    .where(and(eq(runs.tenantId, tenantId), eq(runs.id, id)))
  return row
}

/** A run of any tenant: for the server itself. */
export async function findAnyRun(db: Db, id: string): Promise<RunRow | undefined> {
  const [row] = await db.select().from(runs).where(eq(runs.id, id))
  return row
}

/** The IDs of the pipelines of which no run may start. */
export async function pausedPipelines(db: Db): Promise<string[]> {
  const rows = await db.select({ id: pipelines.id }).from(pipelines).where(eq(pipelines.paused, true))
  return rows.map(({ id }) => id)
}

/** The number of a run's last event; 0 where there is none. */
export async function lastEvent(db: Db, runId: string): Promise<number> {
  const [row] = await db
    .select({ id: max(runEvents.id) })
    .from(runEvents)
    .where(eq(runEvents.runId, runId))
  return row?.id ?? 0
}

export async function findRecord(db: Db, tenantId: string, id: string): Promise<RunRecord | undefined> {
  const row = await findRun(db, tenantId, id)
  if (!row) return undefined
  const tasks = await db.select().from(runTasks).where(eq(runTasks.runId, id)).orderBy(asc(runTasks.number))
  return { ...row, tasks, earlierAttempts: row.attempt === 1 ? [] : readEarlierAttempts(db, id) }
}

/** The attempts that ended before the run was resumed, in order. */
export function readEarlierAttempts(db: Db, runId: string): AttemptRow[] {
  return db
    .select()
    .from(runAttempts)
    .where(eq(runAttempts.runId, runId))
    .orderBy(asc(runAttempts.attempt))
    .all()
}

/** Events numbered over `after`, in order. @throws ValiError for an event that this version does not know */
export async function readEvents(
  db: Db,
  runId: string,
  after: number,
  limit: number,
): Promise<NumberedEvent[]> {
  // Asked by every follower at every event.
  return db.$client
    .query<EventRow, [string, number, number]>(
      'SELECT id, type, data FROM run_events WHERE run_id = ? AND id > ? ORDER BY id LIMIT ?',
    )
    .all(runId, after, limit)
    .map(toEvent)
}

type EventRow = Pick<typeof runEvents.$inferSelect, 'id' | 'type' | 'data'>

function toEvent({ id, type, data }: EventRow): NumberedEvent {
  return { ...v.parse(runEventSchema, { type, data: JSON.parse(data) as unknown }), id }
}

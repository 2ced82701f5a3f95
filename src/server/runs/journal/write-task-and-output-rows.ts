/**
 * The rows that each task and each piece of output writes. As statements that are compiled once: building them with
 * drizzle takes several times what SQLite takes to run them.
 */
import type { TaskStatus } from '../../../contract/run-events.ts'
import type { Db } from '../../db/open-database.ts'
import { entryBytes } from '../log/log-size-limit.ts'
import type { LogEntry, NewResponse, OutputMark, RecordedResponse } from './run-journal-type.ts'
import type { EventRow } from './write-event-and-output-rows.ts'

/** The connection of the caller's transaction. */
type Client = Db['$client']

type Values = (string | number | null | Uint8Array)[]

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

export function insertEvents(client: Client, events: readonly EventRow[]): void {
  const insert = client.query<never, Values>(
    'INSERT INTO run_events (run_id, id, at, type, data) VALUES (?, ?, ?, ?, ?)',
  )
  for (const { runId, id, at, type, data } of events) insert.run(runId, id, at, type, data)
}

/**
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

interface TaskStart {
  runId: string
  number: number
  name: string
  attempt: number
  startedAt: number
}

/** A task that is run again after its server was killed starts anew: none of its output counts as logged. */
export function startTask(client: Client, task: TaskStart): void {
  client
    .query<never, Values>(
      `INSERT INTO run_tasks (run_id, number, name, attempt, started_at, status) VALUES (?, ?, ?, ?, ?, 'running')
        ON CONFLICT (run_id, number) DO UPDATE
        SET status = 'running', started_at = excluded.started_at, stdout_bytes = 0, stderr_bytes = 0`,
    )
    .run(task.runId, task.number, task.name, task.attempt, task.startedAt)
}

interface TaskEndRow {
  runId: string
  number: number
  status: TaskStatus
  code: number | null
  endedAt: number
}

export function endTask(client: Client, task: TaskEndRow): void {
  client
    .query<never, Values>(
      'UPDATE run_tasks SET status = ?, code = ?, ended_at = ? WHERE run_id = ? AND number = ?',
    )
    .run(task.status, task.code, task.endedAt, task.runId, task.number)
}

type ResponseRow = NewResponse & Pick<RecordedResponse, 'attempt' | 'seq'> & { runId: string }

export function insertResponse(client: Client, row: ResponseRow): void {
  client
    .query<never, Values>(
      `INSERT INTO run_answers (run_id, attempt, seq, call, method, hash, ok, reusable, json, at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      row.runId,
      row.attempt,
      row.seq,
      row.call,
      row.method,
      row.hash,
      Number(row.ok),
      Number(row.reusable),
      row.json,
      row.at,
    )
}

/** The journal of one run on its writer: which rows and events belong to each thing that happens in a run. */
import { eq } from 'drizzle-orm'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import { runs } from '../../db/schema.ts'
import { entryBytes } from '../log/log-size-limit.ts'
import { exitEvent, runStatusEvent, taskEvent } from './write-event-and-output-rows.ts'
import { type RunEnd, type RunJournal, RunDetached } from './run-journal-type.ts'
import * as rows from './write-run-rows.ts'
import type { RunWriter } from './run-event-writer.ts'
import * as tasks from './write-task-and-output-rows.ts'

/** The waits before the end of a run is tried to be recorded again. */
const END_RETRIES_MS = [100, 500, 2000]

interface RunJournalOptions {
  db: Db
  clock: Clock
  runId: string
  attempt: number
  /** The number of the last response of this attempt. */
  lastResponse: number
  writer: RunWriter
}

export function createRunJournal(options: RunJournalOptions): RunJournal {
  const { db, clock, runId, attempt, writer } = options
  let { lastResponse } = options
  let isDetached = false

  function requireAttached(): void {
    if (isDetached) throw new RunDetached(runId)
  }

  function responded(response: Parameters<RunJournal['responded']>[0]) {
    const seq = lastResponse + 1
    writer.write([], () => tasks.insertResponse(db.$client, { ...response, runId, attempt, seq }))
    lastResponse = seq
    writer.addResponseBytes(entryBytes(response.json))
    const { json: _, ...recorded } = response
    return { ...recorded, attempt, seq }
  }

  async function finish(end: RunEnd): Promise<void> {
    requireAttached()
    try {
      for (const wait of END_RETRIES_MS) {
        try {
          return recordEnd(end)
        } catch {
          await clock.sleep(wait)
        }
        // Where there is no room for both, the end matters more than the last of the output.
        writer.dropBuffered()
      }
      recordEnd(end)
    } finally {
      writer.close()
    }
  }

  function recordEnd(end: RunEnd): void {
    writer.flush()
    const aborted = rows.openTasks(db, runId).map((task) => taskEvent(task, 'abort'))
    const last = [runStatusEvent(end.status, attempt), exitEvent(runId, end)]
    writer.write([...aborted, ...last], (tx, endedAt, stored) =>
      rows.endRun(tx, runId, end, { endedAt, stored }),
    )
  }

  function detach(): void {
    try {
      writer.write([], (tx) => rows.resetRestarts(tx, runId))
    } catch {
      // The next server gets from the driver again what could not be stored.
    }
    isDetached = true
    writer.close()
  }

  return {
    attempt,
    started: async () => {
      requireAttached()
      writer.write([runStatusEvent('running', attempt)], (tx, at) => rows.startRun(tx, runId, at))
    },
    taskStarted: async (task) => {
      requireAttached()
      writer.resetOffsets(task.number)
      return writer.write([taskEvent(task, 'running')], (_, startedAt) =>
        tasks.startTask(db.$client, { ...task, runId, attempt, startedAt }),
      )
    },
    taskEnded: async ({ status, code, ...task }) => {
      requireAttached()
      // The response to the script's call follows at once.
      return writer.writeSoon([taskEvent(task, status, code)], (_, endedAt) =>
        tasks.endTask(db.$client, { runId, number: task.number, status, code: code ?? null, endedAt }),
      )
    },
    log: async (entries, mark) => {
      requireAttached()
      writer.log(entries, mark)
    },
    stored: writer.stored,
    responded,
    stopping: (stopReason) => {
      writer.write([], (tx) => tx.update(runs).set({ stopReason }).where(eq(runs.id, runId)).run())
    },
    finish,
    detach,
  }
}

/**
 * Owns: the record of runs. The one place that writes what happens in a run: events are numbered 1, 2, 3 … and
 * stored before anyone is told of them; a changed row and the event that reports it are one transaction, and so is
 * the output of some milliseconds: a task that prints line by line does not keep the disk busy.
 * Refuses: to write about a run that has ended, or that is left to the next server.
 */
import { eq, inArray } from 'drizzle-orm'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import { runs } from '../../db/schema.ts'
import {
  readLastEventId,
  readLastResponse,
  readOffsets,
  readStoredBytes,
  runStatusEvent,
} from './write-event-and-output-rows.ts'
import type { RunEnd, RunJournal } from './run-journal-type.ts'
import * as rows from './write-run-rows.ts'
import { type Change, createRunWriter, type RunWriter, type RunWriterOptions } from './run-event-writer.ts'
import { createRunJournal } from './write-run-journal.ts'

export interface Journal {
  /** Records a run as queued. @throws Fault `not_found` when its pipeline was removed */
  create(run: rows.NewRun, script: rows.NewScript): Promise<RunJournal>
  /** Opens the journal of an interrupted run: recorded as queued or running, with no server that runs it. */
  reopen(runId: string): RunJournal
  /** Queues a run that has ended, for its next attempt, which `by` has asked for. @throws Fault `conflict` when its log was removed */
  resume(runId: string, by: string): Promise<RunJournal>
  /** Resolves at the run's next event; undefined when no further event can come. */
  next(runId: string): Promise<void> | undefined
  /** The IDs of interrupted runs; those that were running come first. */
  interrupted(): Promise<string[]>
  /**
   * Notes, before anything of it is done, that such a run is about to be continued.
   * @returns how often in a row that happened after servers that were killed, without any progress of the run
   */
  countRestart(runId: string): number
  /** Records the end of such a run. @returns false when the run is open here */
  finishInterrupted(runId: string, end: RunEnd): Promise<boolean>
}

type Position = Pick<RunWriterOptions, 'lastEventId' | 'offsets' | 'bytes'>

export function createJournal({ db, clock }: { db: Db; clock: Clock }): Journal {
  const open = new Map<string, RunWriter>()

  function openWriter(runId: string, from: Position): RunWriter {
    const writer = createRunWriter({
      db,
      clock,
      runId,
      ...from,
      onClosed: () => {
        if (open.get(runId) === writer) open.delete(runId)
      },
    })
    open.set(runId, writer)
    return writer
  }

  /** Where the record of a run ends. */
  function positionOf(runId: string): Position {
    return {
      lastEventId: readLastEventId(db, runId),
      offsets: readOffsets(db, runId),
      bytes: readStoredBytes(db, runId),
    }
  }

  function attemptOf(runId: string): number {
    const [row] = db.select({ attempt: runs.attempt }).from(runs).where(eq(runs.id, runId)).all()
    return row?.attempt ?? 1
  }

  /** The first words about an attempt: it is queued. */
  function queue(writer: RunWriter, runId: string, attempt: number, change: Change): RunJournal {
    try {
      writer.write([runStatusEvent('queued', attempt)], change)
    } catch (error) {
      writer.close()
      throw error
    }
    return createRunJournal({ db, clock, runId, attempt, lastResponse: 0, writer })
  }

  async function create(run: rows.NewRun, script: rows.NewScript): Promise<RunJournal> {
    const writer = openWriter(run.id, {
      lastEventId: 0,
      offsets: new Map(),
      bytes: { events: 0, responses: 0 },
    })
    return queue(writer, run.id, 1, (tx, at) => rows.insertRun(tx, run, script, at))
  }

  function reopen(runId: string): RunJournal {
    const attempt = attemptOf(runId)
    const lastResponse = readLastResponse(db, runId, attempt)
    const writer = openWriter(runId, positionOf(runId))
    return createRunJournal({ db, clock, runId, attempt, lastResponse, writer })
  }

  async function resume(runId: string, by: string): Promise<RunJournal> {
    const attempt = attemptOf(runId) + 1
    const writer = openWriter(runId, positionOf(runId))
    // The script starts anew, and so does its output.
    writer.resetOffsets(0)
    const journal = queue(writer, runId, attempt, (tx, at) => rows.resumeRun(tx, runId, { at, by }))
    // The exit of the attempt before was removed.
    writer.recount()
    return journal
  }

  async function interrupted(): Promise<string[]> {
    const found = await db
      .select({ id: runs.id, status: runs.status })
      .from(runs)
      .where(inArray(runs.status, ['queued', 'running']))
    return found
      .filter(({ id }) => !open.has(id))
      .toSorted(
        (a, b) => Number(a.status === 'queued') - Number(b.status === 'queued') || compare(a.id, b.id),
      )
      .map(({ id }) => id)
  }

  async function finishInterrupted(runId: string, end: RunEnd): Promise<boolean> {
    if (open.has(runId)) return false
    await reopen(runId).finish(end)
    return true
  }

  return {
    create,
    reopen,
    resume,
    next: (runId) => open.get(runId)?.changed(),
    interrupted,
    countRestart: (runId) =>
      db.transaction((tx) => rows.countRestart(tx, runId, clock.now()), { behavior: 'immediate' }),
    finishInterrupted,
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

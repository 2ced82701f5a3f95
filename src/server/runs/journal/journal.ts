import { and, eq, inArray, max } from 'drizzle-orm'
import type { RunEvent, TaskStatus } from '../../../contract/run-events.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import { runEvents, runs } from '../../db/schema.ts'
import { runAnswers } from '../../db/run-journal-schema.ts'
import type { Offsets } from '../drivers/driver.ts'
import * as rows from './journal-rows.ts'
import type { RecordedAnswer } from './history.ts'
import { entryBytes } from '../log/log-size-limit.ts'
import type {
  LogEntry,
  Mark,
  NewAnswer,
  NewRun,
  NewScript,
  RunEnd,
  StoredBytes,
  Write,
} from './journal-rows.ts'

/** What changes with the events, at this instant; with them, so much of the run is stored. */
type Change = (tx: Write, at: number, stored: StoredBytes) => void

/** How long output may wait to be stored together with what comes after it. */
const BATCH_MS = 20
/** How much of it, in UTF-16 units; with more, it is stored at once. */
const BATCH_LENGTH = 256 * 1024
/** The waits before the end of a run is tried to be recorded again. */
const END_RETRIES_MS = [100, 500, 2000]

/**
 * The one place that writes what happens in a run. Events are numbered 1, 2, 3 … and stored before anyone is
 * told of them; a change of a row and the event that tells of it are one transaction, and so is a moment's
 * output: a task that prints a line at a time does not make the disk as busy as itself.
 */
export interface Journal {
  /** Records a run as queued. */
  create(run: NewRun, script: NewScript): Promise<RunJournal>
  /** Goes on with a run that is recorded as going on and that nobody here runs. */
  takeUp(runId: string): RunJournal
  /** The same for one that has ended: it is queued again. */
  resume(runId: string): Promise<RunJournal>
  /** Resolves at the run's next event; undefined when no further event can come. */
  next(runId: string): Promise<void> | undefined
  /** Those that were running come first. */
  leftBehind(): Promise<string[]>
  /**
   * Notes, before anything of it is done, that such a run is about to be taken up.
   * @returns how often in a row that happened after servers that were killed, and it got no further
   */
  noteTakeUp(runId: string): number
  /** Ends such a run. @returns false when it goes on here. */
  endLeftBehind(runId: string, end: RunEnd): Promise<boolean>
}

/** Writes of one run happen in the order of the calls. Every text given has been through the run's redactor. */
export interface RunJournal {
  /** 1, and one more each time that the run is resumed. */
  readonly attempt: number
  started(): Promise<void>
  /** Also of one that is run again from its beginning. @returns when, as it is recorded */
  taskStarted(task: { number: number; name: string }): Promise<number>
  /** @returns when, as it is recorded */
  taskEnded(task: {
    number: number
    name: string
    status: TaskStatus
    code: number | undefined
  }): Promise<number>
  /**
   * Stored in a moment, and before anything that is written later; at once where much is waiting. What could not
   * be stored is kept, and tried again with whatever is written next, whose caller gets the error.
   * @param mark stored with the entries, all or nothing.
   */
  log(entries: readonly LogEntry[], mark?: Mark): Promise<void>
  /** The bytes of the last marks that are stored. @param number the task's, 0 for the script */
  stored(number: number): Offsets
  /** Stored when this returns, with all that was written before. */
  answered(answer: NewAnswer): RecordedAnswer
  /** It is to end, for this reason, whatever becomes of this server. */
  stopping(reason: string): void
  /**
   * The run's last word, and the end of tasks that are still recorded as running. Nothing can be written after
   * it, and nobody waits for more, also where it could not be recorded.
   * @throws when that was tried several times.
   */
  finish(end: RunEnd): Promise<void>
  /** Leaves the run to the next server: stores what waits. What is written from then on waits for ever. */
  detach(): void
}

export type { LogEntry, NewAnswer, RunEnd } from './journal-rows.ts'

interface Live {
  runId: string
  attempt: number
  lastId: number
  lastAnswer: number
  /** Output that is not stored yet, and its length. */
  pending: LogEntry[]
  pendingLength: number
  /** By task and stream, what is stored once the output is. */
  marks: Map<string, Mark>
  stored: Map<number, Offsets>
  bytes: StoredBytes
  /** Set while output waits. */
  timer: ReturnType<typeof setTimeout> | undefined
  /** Whether it waits because it could not be stored. */
  isStuck: boolean
  isDetached: boolean
  changed: PromiseWithResolvers<void>
}

export function createJournal({ db, clock }: { db: Db; clock: Clock }): Journal {
  const live = new Map<string, Live>()

  function open(runId: string, from: Pick<Live, 'attempt' | 'lastId' | 'lastAnswer'>): Live {
    const run: Live = {
      ...from,
      runId,
      pending: [],
      pendingLength: 0,
      marks: new Map(),
      stored: new Map(),
      bytes: { events: 0, answers: 0 },
      timer: undefined,
      isStuck: false,
      isDetached: false,
      changed: Promise.withResolvers<void>(),
    }
    live.set(runId, run)
    return run
  }

  /** All but what it has stored, which is to be counted once nothing of that is taken away any more. */
  function openRecorded(runId: string): Live {
    const [row] = db.select({ attempt: runs.attempt }).from(runs).where(eq(runs.id, runId)).all()
    const [event] = db
      .select({ id: max(runEvents.id) })
      .from(runEvents)
      .where(eq(runEvents.runId, runId))
      .all()
    const attempt = row?.attempt ?? 1
    const [answer] = db
      .select({ seq: max(runAnswers.seq) })
      .from(runAnswers)
      .where(and(eq(runAnswers.runId, runId), eq(runAnswers.attempt, attempt)))
      .all()
    const run = open(runId, { attempt, lastId: event?.id ?? 0, lastAnswer: answer?.seq ?? 0 })
    for (const { number, ...bytes } of rows.storedMarks(db, runId)) run.stored.set(number, bytes)
    return run
  }

  function openCounted(runId: string): Live {
    return Object.assign(openRecorded(runId), { bytes: rows.storedBytes(db, runId) })
  }

  function close(run: Live): void {
    clearTimeout(run.timer)
    if (live.get(run.runId) === run) live.delete(run.runId)
    run.changed.resolve()
  }

  /** What waits to be stored, then `events`: all of it or nothing. An ID that was not stored is not used up. */
  function write(run: Live, events: RunEvent[], change?: Change): number {
    if (live.get(run.runId) !== run) throw new Error(`run ${run.runId} has ended`)
    const at = clock.now()
    const firstOwn = run.lastId + 1 + run.pending.length
    const own = rows.toEventRows(
      run.runId,
      events.map((event, index) => ({ ...event, id: firstOwn + index })),
      at,
    )
    const stored = { ...run.bytes, events: run.bytes.events + rows.eventBytes(own) }
    db.transaction(
      (tx) => {
        for (const mark of run.marks.values()) rows.storeMark(db.$client, run.runId, mark)
        stored.events += rows.insertLog(db.$client, run.runId, run.pending, { id: run.lastId + 1, at })
        change?.(tx, at, stored)
        rows.insertEvents(tx, own)
      },
      { behavior: 'immediate' },
    )
    run.bytes = stored
    for (const mark of run.marks.values()) remember(run, mark)
    forget(run)
    run.lastId = firstOwn + events.length - 1
    run.changed.resolve()
    run.changed = Promise.withResolvers()
    return at
  }

  /** Who is left to the next server waits, and finds out nothing. */
  async function attempt<T>(run: Live, act: () => T | Promise<T>): Promise<T> {
    if (run.isDetached) return await new Promise<never>(() => {})
    return await act()
  }

  function log(run: Live, entries: readonly LogEntry[], mark?: Mark): void {
    if (live.get(run.runId) !== run) throw new Error(`run ${run.runId} has ended`)
    run.pending.push(...entries)
    for (const entry of entries) run.pendingLength += entry.data.length
    if (mark) run.marks.set(`${mark.number} ${mark.stream}`, mark)
    if (run.isStuck || run.pendingLength >= BATCH_LENGTH) return void write(run, [])
    // The system's timer, not the clock: this is about the disk, and no time that anybody sees.
    run.timer ??= setTimeout(() => {
      try {
        write(run, [])
      } catch {
        run.isStuck = true
      }
    }, BATCH_MS)
  }

  async function create(run: NewRun, script: NewScript): Promise<RunJournal> {
    const made = open(run.id, { attempt: 1, lastId: 0, lastAnswer: 0 })
    return begin(made, (tx, at) => rows.insertRun(tx, run, script, at))
  }

  async function resume(runId: string): Promise<RunJournal> {
    const run = openRecorded(runId)
    run.attempt += 1
    run.lastAnswer = 0
    run.stored.delete(0)
    const journal = begin(run, (tx) => rows.resumeRun(tx, runId))
    run.bytes = rows.storedBytes(db, runId)
    return journal
  }

  function begin(run: Live, change: Change): RunJournal {
    try {
      write(run, [rows.runStatusEvent('queued', run.attempt)], change)
    } catch (error) {
      close(run)
      throw error
    }
    return forRun(run)
  }

  function forRun(run: Live): RunJournal {
    const { runId } = run
    const guarded = <T>(act: () => T | Promise<T>) => attempt(run, act)
    return {
      attempt: run.attempt,
      started: () =>
        guarded(
          () =>
            void write(run, [rows.runStatusEvent('running', run.attempt)], (tx, at) =>
              rows.startRun(tx, runId, at),
            ),
        ),
      taskStarted: (task) =>
        guarded(() => {
          for (const stream of ['stdout', 'stderr']) run.marks.delete(`${task.number} ${stream}`)
          run.stored.delete(task.number)
          return write(run, [rows.taskEvent(task, 'running')], (tx, startedAt) =>
            rows.startTask(tx, { ...task, runId, attempt: run.attempt, startedAt }),
          )
        }),
      taskEnded: ({ status, code, ...task }) =>
        guarded(() =>
          write(run, [rows.taskEvent(task, status, code)], (tx, endedAt) =>
            rows.endTask(tx, { runId, number: task.number }, { status, code: code ?? null, endedAt }),
          ),
        ),
      log: (entries, mark) => guarded(() => log(run, entries, mark)),
      stored: (number) => run.stored.get(number) ?? { stdout: 0, stderr: 0 },
      answered: (answer) => {
        const seq = run.lastAnswer + 1
        write(run, [], (tx) =>
          tx
            .insert(runAnswers)
            .values({ ...answer, runId, attempt: run.attempt, seq })
            .run(),
        )
        run.lastAnswer = seq
        run.bytes.answers += entryBytes(answer.json)
        const { json: _, ...recorded } = answer
        return { ...recorded, attempt: run.attempt, seq }
      },
      stopping: (stopReason) =>
        void write(run, [], (tx) => tx.update(runs).set({ stopReason }).where(eq(runs.id, runId)).run()),
      finish: (end) => guarded(() => finish(run, end)),
      detach: () => {
        try {
          write(run, [], (tx) => rows.forgetTakeUps(tx, runId))
        } catch {
          // Then the next server hears it again.
        }
        run.isDetached = true
        close(run)
      },
    }
  }

  async function finish(run: Live, end: RunEnd): Promise<void> {
    try {
      for (const wait of END_RETRIES_MS) {
        try {
          return recordEnd(run, end)
        } catch {
          await clock.sleep(wait)
        }
        // Where there is no room for both, the end matters more than the last of the output.
        forget(run)
      }
      recordEnd(run, end)
    } finally {
      close(run)
    }
  }

  function recordEnd(run: Live, end: RunEnd): void {
    const events = rows.openTasks(db, run.runId).map((task) => rows.taskEvent(task, 'abort'))
    const last = [rows.runStatusEvent(end.status, run.attempt), rows.exitEvent(run.runId, end)]
    write(run, [...events, ...last], (tx, endedAt, stored) =>
      rows.endRun(tx, run.runId, end, { endedAt, stored }),
    )
  }

  async function leftBehind(): Promise<string[]> {
    const found = await db
      .select({ id: runs.id, status: runs.status })
      .from(runs)
      .where(inArray(runs.status, ['queued', 'running']))
    return found
      .filter(({ id }) => !live.has(id))
      .toSorted(
        (a, b) => Number(a.status === 'queued') - Number(b.status === 'queued') || compare(a.id, b.id),
      )
      .map(({ id }) => id)
  }

  async function endLeftBehind(runId: string, end: RunEnd): Promise<boolean> {
    if (live.has(runId)) return false
    await finish(openCounted(runId), end)
    return true
  }

  return {
    create,
    takeUp: (runId) => forRun(openCounted(runId)),
    resume,
    next: (runId) => live.get(runId)?.changed.promise,
    leftBehind,
    noteTakeUp: (runId) =>
      db.transaction((tx) => rows.noteTakeUp(tx, runId, clock.now()), { behavior: 'immediate' }),
    endLeftBehind,
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function remember(run: Live, { number, stream, bytes }: Mark): void {
  const known = run.stored.get(number) ?? { stdout: 0, stderr: 0 }
  run.stored.set(number, { ...known, [stream]: bytes })
}

function forget(run: Live): void {
  clearTimeout(run.timer)
  run.timer = undefined
  run.isStuck = false
  run.pending = []
  run.pendingLength = 0
  run.marks.clear()
}

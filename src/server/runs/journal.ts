import { and, asc, eq, inArray, max } from 'drizzle-orm'
import type { NumberedEvent, RunEvent, RunStatus, TaskStatus } from '../../contract/events.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Db } from '../db/open.ts'
import { runEvents, runs, runTasks } from '../db/schema.ts'

type NewRun = Pick<
  typeof runs.$inferInsert,
  'id' | 'tenantId' | 'pipelineId' | 'pipelineName' | 'triggeredBy' | 'args' | 'task'
>
type Write = Parameters<Parameters<Db['transaction']>[0]>[0]
/** What changes with the events, at this instant. */
type Change = (tx: Write, at: number) => void

/** How long output may wait to be stored together with what comes after it. */
const BATCH_MS = 20
/** How much of it, in UTF-16 units; with more, it is stored at once. */
const BATCH_LENGTH = 64 * 1024
/** The waits before the end of a run is tried to be recorded again. */
const END_RETRIES_MS = [100, 500, 2000]

/**
 * The one place that writes what happens in a run. Events are numbered 1, 2, 3 … and stored before anyone is
 * told of them; a change of a row and the event that tells of it are one transaction, and so is a moment's
 * output: a task that prints a line at a time does not make the disk as busy as itself.
 */
export interface Journal {
  /** Records a run as queued. */
  create(run: NewRun): Promise<RunJournal>
  /** Resolves at the run's next event; undefined when no further event can come. */
  next(runId: string): Promise<void> | undefined
  /** The runs that are recorded as going on and that nobody here runs. */
  leftBehind(): Promise<string[]>
  /** Ends such a run. @returns false when it goes on here. */
  endLeftBehind(runId: string, end: RunEnd): Promise<boolean>
}

export interface RunEnd {
  status: 'success' | 'failed' | 'stopped'
  message: string | undefined
  /** How often each secret was hidden, and where; unknown for a run whose server died. */
  redactions?: { secret: string; in: string; hits: number }[]
}

/** Writes of one run happen in the order of the calls. Every text given has been through the run's redactor. */
export interface RunJournal {
  started(): Promise<void>
  taskStarted(task: { number: number; name: string }): Promise<void>
  taskEnded(task: {
    number: number
    name: string
    status: TaskStatus
    code: number | undefined
  }): Promise<void>
  /**
   * Stored in a moment, and before anything that is written later; at once where much is waiting. What could not
   * be stored is kept, and tried again with whatever is written next, whose caller gets the error.
   */
  log(entry: LogEntry): Promise<void>
  /**
   * The run's last word, and the end of tasks that are still recorded as running. Nothing can be written after
   * it, and nobody waits for more, also where it could not be recorded.
   * @throws when that was tried several times.
   */
  finish(end: RunEnd): Promise<void>
}

export interface LogEntry {
  task?: string
  stream: 'stdout' | 'stderr'
  data: string
}

interface Live {
  lastId: number
  /** Output that is not stored yet, and its length. */
  pending: LogEntry[]
  pendingLength: number
  /** Set while output waits. */
  timer: ReturnType<typeof setTimeout> | undefined
  /** Whether it waits because it could not be stored. */
  isStuck: boolean
  changed: PromiseWithResolvers<void>
}

export function createJournal({ db, clock }: { db: Db; clock: Clock }): Journal {
  const live = new Map<string, Live>()

  function open(runId: string, lastId: number): void {
    const changed = Promise.withResolvers<void>()
    live.set(runId, { lastId, pending: [], pendingLength: 0, timer: undefined, isStuck: false, changed })
  }

  function close(runId: string): void {
    const run = live.get(runId)
    clearTimeout(run?.timer)
    live.delete(runId)
    run?.changed.resolve()
  }

  /** What waits to be stored, then `events`: all of it or nothing. An ID that was not stored is not used up. */
  async function write(runId: string, events: RunEvent[], change?: Change): Promise<void> {
    const run = live.get(runId)
    if (!run) throw new Error(`run ${runId} has ended`)
    const all = [...run.pending.map((data): RunEvent => ({ type: 'log', data })), ...events]
    const at = clock.now()
    db.transaction(
      (tx) => {
        change?.(tx, at)
        insertEvents(tx, runId, number(all, run.lastId), at)
      },
      { behavior: 'immediate' },
    )
    forget(run)
    run.lastId += all.length
    run.changed.resolve()
    run.changed = Promise.withResolvers()
  }

  async function log(runId: string, entry: LogEntry): Promise<void> {
    const run = live.get(runId)
    if (!run) throw new Error(`run ${runId} has ended`)
    run.pending.push(entry)
    run.pendingLength += entry.data.length
    if (run.isStuck || run.pendingLength >= BATCH_LENGTH) return await write(runId, [])
    // The system's timer, not the clock: this is about the disk, and no time that anybody sees.
    run.timer ??= setTimeout(() => void write(runId, []).catch(() => (run.isStuck = true)), BATCH_MS)
  }

  async function create(run: NewRun): Promise<RunJournal> {
    open(run.id, 0)
    try {
      await write(run.id, [runStatusEvent('queued')], (tx, at) =>
        tx
          .insert(runs)
          .values({ ...run, status: 'queued', createdAt: at })
          .run(),
      )
    } catch (error) {
      close(run.id)
      throw error
    }
    return forRun(run.id)
  }

  function forRun(runId: string): RunJournal {
    return {
      started: () =>
        write(runId, [runStatusEvent('running')], (tx, startedAt) =>
          tx.update(runs).set({ status: 'running', startedAt }).where(eq(runs.id, runId)).run(),
        ),
      taskStarted: ({ number, name }) =>
        write(runId, [{ type: 'task', data: { name, status: 'running' } }], (tx, startedAt) =>
          tx.insert(runTasks).values({ runId, number, name, status: 'running', startedAt }).run(),
        ),
      taskEnded: ({ number, name, status, code }) =>
        write(runId, [taskEvent(name, status, code)], (tx, endedAt) =>
          tx
            .update(runTasks)
            .set({ status, code: code ?? null, endedAt })
            .where(and(eq(runTasks.runId, runId), eq(runTasks.number, number)))
            .run(),
        ),
      log: (entry) => log(runId, entry),
      finish: (end) => finish(runId, end),
    }
  }

  async function finish(runId: string, end: RunEnd): Promise<void> {
    try {
      for (const wait of END_RETRIES_MS) {
        try {
          return await recordEnd(runId, end)
        } catch {
          await clock.sleep(wait)
        }
        // Where there is no room for both, the end matters more than the last of the output.
        const run = live.get(runId)
        if (run) forget(run)
      }
      await recordEnd(runId, end)
    } finally {
      close(runId)
    }
  }

  async function recordEnd(runId: string, { status, message, redactions = [] }: RunEnd): Promise<void> {
    const open = await runningTasks(runId)
    const events = open.map(({ name }) => taskEvent(name, 'abort', undefined))
    await write(runId, [...events, ...endEvents(runId, status, message)], (tx, endedAt) => {
      const isOpen = and(eq(runTasks.runId, runId), eq(runTasks.status, 'running'))
      tx.update(runTasks).set({ status: 'abort', endedAt }).where(isOpen).run()
      tx.update(runs)
        .set({ status, message: message ?? null, redactions, endedAt })
        .where(eq(runs.id, runId))
        .run()
    })
  }

  async function leftBehind(): Promise<string[]> {
    const rows = await db
      .select({ id: runs.id })
      .from(runs)
      .where(inArray(runs.status, ['queued', 'running']))
    return rows.map(({ id }) => id).filter((id) => !live.has(id))
  }

  async function endLeftBehind(runId: string, end: RunEnd): Promise<boolean> {
    const [last] = await db
      .select({ id: max(runEvents.id) })
      .from(runEvents)
      .where(eq(runEvents.runId, runId))
    if (live.has(runId)) return false
    open(runId, last?.id ?? 0)
    await finish(runId, end)
    return true
  }

  async function runningTasks(runId: string): Promise<{ name: string }[]> {
    return await db
      .select({ name: runTasks.name })
      .from(runTasks)
      .where(and(eq(runTasks.runId, runId), eq(runTasks.status, 'running')))
      .orderBy(asc(runTasks.number))
  }

  return { create, next: (runId) => live.get(runId)?.changed.promise, leftBehind, endLeftBehind }
}

function forget(run: Live): void {
  clearTimeout(run.timer)
  run.timer = undefined
  run.isStuck = false
  run.pending = []
  run.pendingLength = 0
}

function runStatusEvent(status: RunStatus): RunEvent {
  return { type: 'run', data: { status } }
}

function taskEvent(name: string, status: TaskStatus, code: number | undefined): RunEvent {
  return { type: 'task', data: code === undefined ? { name, status } : { name, status, code } }
}

function endEvents(runId: string, status: RunStatus, message: string | undefined): RunEvent[] {
  const code = status === 'success' ? 0 : 1
  const exit = message === undefined ? { code, run_id: runId } : { code, run_id: runId, message }
  return [runStatusEvent(status), { type: 'exit', data: exit }]
}

function number(events: RunEvent[], lastId: number): NumberedEvent[] {
  return events.map((event, index) => ({ ...event, id: lastId + 1 + index }))
}

function insertEvents(tx: Write, runId: string, events: NumberedEvent[], at: number): void {
  const rows = events.map(({ id, type, data }) => ({ runId, id, type, data: JSON.stringify(data), at }))
  if (rows.length > 0) tx.insert(runEvents).values(rows).run()
}

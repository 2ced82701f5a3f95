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

/**
 * The one place that writes what happens in a run. Events are numbered 1, 2, 3 … and stored before anyone is
 * told of them; a change of a row and the event that tells of it are one transaction.
 */
export interface Journal {
  /** Records a run as queued. */
  create(run: NewRun): Promise<RunJournal>
  /** Resolves at the run's next event; undefined when no further event can come. */
  next(runId: string): Promise<void> | undefined
  /** Ends the runs that a server left behind when it died. @returns their IDs. */
  recover(message: string): Promise<string[]>
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
  log(entry: { task?: string; stream: 'stdout' | 'stderr'; data: string }): Promise<void>
  /** The run's last word; nothing can be written after it. */
  finish(end: {
    status: 'success' | 'failed' | 'stopped'
    message: string | undefined
    redactions: { secret: string; in: string; hits: number }[]
  }): Promise<void>
}

interface Live {
  lastId: number
  tail: Promise<void>
  changed: PromiseWithResolvers<void>
}

export function createJournal({ db, clock }: { db: Db; clock: Clock }): Journal {
  const live = new Map<string, Live>()

  /** One transaction after the other; an ID that was not stored is not used up. */
  function write(runId: string, events: RunEvent[], change?: Change): Promise<void> {
    const run = live.get(runId)
    if (!run) return Promise.reject(new Error(`run ${runId} has ended`))
    const done = run.tail.then(() => commit(runId, run, events, change))
    // A write that fails is its caller's to handle, not the next one's.
    run.tail = done.catch(() => {})
    return done
  }

  function commit(runId: string, run: Live, events: RunEvent[], change?: Change): void {
    const at = clock.now()
    db.transaction(
      (tx) => {
        change?.(tx, at)
        insertEvents(tx, runId, number(events, run.lastId), at)
      },
      { behavior: 'immediate' },
    )
    run.lastId += events.length
    run.changed.resolve()
    run.changed = Promise.withResolvers()
  }

  async function create(run: NewRun): Promise<RunJournal> {
    live.set(run.id, { lastId: 0, tail: Promise.resolve(), changed: Promise.withResolvers() })
    try {
      await write(run.id, [runStatusEvent('queued')], (tx, at) =>
        tx
          .insert(runs)
          .values({ ...run, status: 'queued', createdAt: at })
          .run(),
      )
    } catch (error) {
      live.delete(run.id)
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
      log: (data) => write(runId, [{ type: 'log', data }]),
      finish: async ({ status, message, redactions }) => {
        await write(runId, endEvents(runId, status, message), (tx, endedAt) => {
          const end = { status, message: message ?? null, redactions, endedAt }
          tx.update(runs).set(end).where(eq(runs.id, runId)).run()
        })
        live.get(runId)?.changed.resolve()
        live.delete(runId)
      },
    }
  }

  async function recover(message: string): Promise<string[]> {
    const left = await db
      .select({ id: runs.id })
      .from(runs)
      .where(inArray(runs.status, ['queued', 'running']))
    for (const { id } of left) {
      const [last] = await db
        .select({ id: max(runEvents.id) })
        .from(runEvents)
        .where(eq(runEvents.runId, id))
      live.set(id, { lastId: last?.id ?? 0, tail: Promise.resolve(), changed: Promise.withResolvers() })
      const journal = forRun(id)
      for (const { number, name } of await runningTasks(id)) {
        await journal.taskEnded({ number, name, status: 'abort', code: undefined })
      }
      // What had been kept out of its output was counted in the server that died.
      await journal.finish({ status: 'failed', message, redactions: [] })
    }
    return left.map(({ id }) => id)
  }

  async function runningTasks(runId: string): Promise<{ number: number; name: string }[]> {
    return await db
      .select({ number: runTasks.number, name: runTasks.name })
      .from(runTasks)
      .where(and(eq(runTasks.runId, runId), eq(runTasks.status, 'running')))
      .orderBy(asc(runTasks.number))
  }

  return { create, next: (runId) => live.get(runId)?.changed.promise, recover }
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

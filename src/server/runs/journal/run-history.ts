/** What a run has behind it when it starts, continues or is resumed, read from the record. */
import { and, asc, desc, eq, lt, max, sql } from 'drizzle-orm'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import { runEvents, runTasks } from '../../db/schema.ts'
import { runAnswers, type runScripts } from '../../db/run-journal-schema.ts'
import { entryBytes } from '../log/log-size-limit.ts'
import type { RecordedResponse } from './run-journal-type.ts'
import type { TaskRow } from './read-run-records.ts'

/** Together with its source, this decides what the script of a run does. */
export interface RunHistory {
  /** 32 hexadecimal digits, from which all randomness of the script comes. */
  seed: string
  /** Where the script's clock starts: milliseconds since 1970. */
  clock: number
  /** Added to the number of a call, it is the number of the task that the call starts. */
  firstNumber: number
  /** The responses that the script was given in this attempt, in order. */
  responses: readonly RecordedResponse[]
  /** The responses of earlier attempts: the latest for each call and its parameters. */
  earlier: readonly RecordedResponse[]
  /** The tasks that this attempt has started, by number. */
  tasks: ReadonlyMap<number, TaskRow>
  /** What the log takes so far, as `capLog` counts it. */
  logBytes: number
}

/** Of a new run. */
export function newHistory(clock: Clock): RunHistory {
  const seed = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex')
  return {
    seed,
    clock: clock.now(),
    firstNumber: 0,
    responses: [],
    earlier: [],
    tasks: new Map(),
    logBytes: 0,
  }
}

export function readHistory(
  db: Db,
  runId: string,
  attempt: number,
  script: Pick<typeof runScripts.$inferSelect, 'seed' | 'clock' | 'firstNumber'>,
): RunHistory {
  const { seed, clock, firstNumber } = script
  const tasks = db
    .select()
    .from(runTasks)
    .where(and(eq(runTasks.runId, runId), eq(runTasks.attempt, attempt)))
    .all()
  return {
    seed,
    clock,
    firstNumber,
    responses: readResponses(db, runId, attempt),
    earlier: latest(
      Array.from({ length: attempt - 1 }, (_, index) => readResponses(db, runId, attempt - 1 - index)).flat(),
    ),
    tasks: new Map(tasks.map((task) => [task.number, task])),
    logBytes: readLogBytes(db, runId),
  }
}

function readResponses(db: Db, runId: string, attempt: number): RecordedResponse[] {
  const { seq, call, method, hash, ok, reusable, at } = runAnswers
  return db
    .select({ attempt: runAnswers.attempt, seq, call, method, hash, ok, reusable, at })
    .from(runAnswers)
    .where(and(eq(runAnswers.runId, runId), eq(runAnswers.attempt, attempt)))
    .orderBy(asc(seq))
    .all()
}

function latest(newestFirst: readonly RecordedResponse[]): RecordedResponse[] {
  const found = new Map<string, RecordedResponse>()
  for (const response of newestFirst) {
    const key = `${response.call} ${response.method} ${response.hash}`
    if (!found.has(key)) found.set(key, response)
  }
  return [...found.values()]
}

/** The text of a recorded response. @throws Error when it is not stored */
export function readResponseText(db: Db, runId: string, { attempt, seq }: RecordedResponse): string {
  const [row] = db
    .select({ json: runAnswers.json })
    .from(runAnswers)
    .where(and(eq(runAnswers.runId, runId), eq(runAnswers.attempt, attempt), eq(runAnswers.seq, seq)))
    .all()
  if (!row) throw new Error(`response ${seq} of run ${runId} is not recorded`)
  return row.json
}

/** How many events are read at once. */
const PAGE = 200

/**
 * The end of what a task has printed since it was last started, as far as it is in the log.
 * @param length of the end in UTF-16 units, at least; shorter only where the whole output is
 */
export function readTail(
  db: Db,
  runId: string,
  task: { number: number; stream: 'stdout' | 'stderr' },
  length: number,
): string {
  const ofTask = and(eq(runEvents.runId, runId), sql`${runEvents.data} ->> 'number' = ${task.number}`)
  const [started] = db
    .select({ id: max(runEvents.id) })
    .from(runEvents)
    .where(and(ofTask, eq(runEvents.type, 'task'), sql`${runEvents.data} ->> 'status' = 'running'`))
    .all()
  const pieces: string[] = []
  let found = 0
  let before = Number.MAX_SAFE_INTEGER
  while (found < length) {
    const rows = db
      .select({ id: runEvents.id, data: sql<string>`${runEvents.data} ->> 'data'` })
      .from(runEvents)
      .where(
        and(
          ofTask,
          eq(runEvents.type, 'log'),
          sql`${runEvents.data} ->> 'stream' = ${task.stream}`,
          sql`${runEvents.id} > ${started?.id ?? 0}`,
          lt(runEvents.id, before),
        ),
      )
      .orderBy(desc(runEvents.id))
      .limit(PAGE)
      .all()
    const last = rows.at(-1)
    if (!last) break
    before = last.id
    for (const { data } of rows) {
      pieces.push(data)
      found += data.length
    }
  }
  return pieces.toReversed().join('')
}

/** As `capLog` counts it. */
function readLogBytes(db: Db, runId: string): number {
  const size = sql<number>`coalesce(sum(octet_length(${runEvents.data} ->> 'data') + ${entryBytes('')}), 0)`
  const [row] = db
    .select({ size })
    .from(runEvents)
    .where(and(eq(runEvents.runId, runId), eq(runEvents.type, 'log')))
    .all()
  return row?.size ?? 0
}

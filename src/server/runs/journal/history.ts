import { and, asc, desc, eq, lt, max, sql } from 'drizzle-orm'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import { runEvents, runTasks } from '../../db/schema.ts'
import { runAnswers, type runScripts } from '../../db/run-journal-schema.ts'
import { entryBytes } from '../log/log-size-limit.ts'
import type { TaskRow } from './run-records.ts'

/** One answer, without its text. */
export type RecordedAnswer = Omit<typeof runAnswers.$inferSelect, 'runId' | 'json'>

/** What a run has behind it when it is begun, taken up or resumed: with its source, all that its way depends on. */
export interface Past {
  /** 32 hexadecimal digits. */
  seed: string
  /** Where the script's clock begins. */
  clock: number
  /** Added to a call's number, it is the number of the task that the call begins. */
  firstNumber: number
  /** What the script was given in this attempt, in order. */
  answers: readonly RecordedAnswer[]
  /** The same of earlier attempts, one for each call and question, the latest. */
  earlier: readonly RecordedAnswer[]
  /** Tasks that this attempt has begun, by number. */
  tasks: ReadonlyMap<number, TaskRow>
  /** What its log has cost so far. */
  logBytes: number
}

export function noPast(clock: Clock): Past {
  const seed = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex')
  return { seed, clock: clock.now(), firstNumber: 0, answers: [], earlier: [], tasks: new Map(), logBytes: 0 }
}

export function readPast(
  db: Db,
  runId: string,
  attempt: number,
  script: Pick<typeof runScripts.$inferSelect, 'seed' | 'clock' | 'firstNumber'>,
): Past {
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
    answers: readAnswers(db, runId, attempt),
    earlier: latest(
      Array.from({ length: attempt - 1 }, (_, index) => readAnswers(db, runId, attempt - 1 - index)).flat(),
    ),
    tasks: new Map(tasks.map((task) => [task.number, task])),
    logBytes: logBytes(db, runId),
  }
}

function readAnswers(db: Db, runId: string, attempt: number): RecordedAnswer[] {
  const { seq, call, method, hash, ok, reusable, at } = runAnswers
  return db
    .select({ attempt: runAnswers.attempt, seq, call, method, hash, ok, reusable, at })
    .from(runAnswers)
    .where(and(eq(runAnswers.runId, runId), eq(runAnswers.attempt, attempt)))
    .orderBy(asc(seq))
    .all()
}

function latest(newestFirst: readonly RecordedAnswer[]): RecordedAnswer[] {
  const found = new Map<string, RecordedAnswer>()
  for (const answer of newestFirst) {
    const key = `${answer.call} ${answer.method} ${answer.hash}`
    if (!found.has(key)) found.set(key, answer)
  }
  return [...found.values()]
}

/** The text of an answer. */
export function readAnswer(db: Db, runId: string, { attempt, seq }: RecordedAnswer): string {
  const [row] = db
    .select({ json: runAnswers.json })
    .from(runAnswers)
    .where(and(eq(runAnswers.runId, runId), eq(runAnswers.attempt, attempt), eq(runAnswers.seq, seq)))
    .all()
  if (!row) throw new Error(`answer ${seq} of run ${runId} is not recorded`)
  return row.json
}

/** Events read in one go. */
const PAGE = 200

/**
 * The last of what a task has printed since it was last begun, as far as it is in the log.
 * @param length in UTF-16 units, at least; all there is, where there is less.
 */
export function readTail(
  db: Db,
  runId: string,
  task: { number: number; stream: 'stdout' | 'stderr' },
  length: number,
): string {
  const ofTask = and(eq(runEvents.runId, runId), sql`${runEvents.data} ->> 'number' = ${task.number}`)
  const [begun] = db
    .select({ id: max(runEvents.id) })
    .from(runEvents)
    .where(and(ofTask, eq(runEvents.type, 'task'), sql`${runEvents.data} ->> 'status' = 'running'`))
    .all()
  const pieces: string[] = []
  let found = 0
  for (let before = Number.MAX_SAFE_INTEGER; found < length;) {
    const rows = db
      .select({ id: runEvents.id, data: sql<string>`${runEvents.data} ->> 'data'` })
      .from(runEvents)
      .where(
        and(
          ofTask,
          eq(runEvents.type, 'log'),
          sql`${runEvents.data} ->> 'stream' = ${task.stream}`,
          sql`${runEvents.id} > ${begun?.id ?? 0}`,
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
function logBytes(db: Db, runId: string): number {
  const size = sql<number>`coalesce(sum(octet_length(${runEvents.data} ->> 'data') + ${entryBytes('')}), 0)`
  const [row] = db
    .select({ size })
    .from(runEvents)
    .where(and(eq(runEvents.runId, runId), eq(runEvents.type, 'log')))
    .all()
  return row?.size ?? 0
}

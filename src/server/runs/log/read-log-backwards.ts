/** Pages of a run's output for people who scroll, read backwards from the end. */
import { and, desc, eq, lt } from 'drizzle-orm'
import * as v from 'valibot'
import { runEventSchema } from '../../../contract/run-events.ts'
import type { Db } from '../../db/open-database.ts'
import { runEvents } from '../../db/schema.ts'
import { readEarlierAttempts } from '../journal/read-run-records.ts'

/** A page is about as much as somebody scrolls through. A piece with many lines is on one page as a whole. */
const MAX_EVENTS = 1000
const MAX_LINES = 1000
const MAX_LENGTH = 256 * 1024

/** With more than this before a page, the earlier lines are not counted: it would take over 20 ms, in which no request is answered. */
const MAX_COUNTED_EVENTS = 10_000
const MAX_COUNTED_LENGTH = 2 * 1024 * 1024

export interface LogPiece {
  task: string | undefined
  /** The number of the task, as names may repeat. */
  number?: number | undefined
  stream: 'stdout' | 'stderr'
  data: string
  /** The attempt that it is the first output of; absent where it is not, and for the first attempt. */
  startsAttempt?: number
}

/** The output before a page. */
export interface EarlierLines {
  /** How many lines have started. */
  count: number
  /** The streams (`streamKey`) whose last line has no end yet. */
  open: ReadonlySet<string>
}

export interface LogPage {
  pieces: LogPiece[]
  /** The event before which there is more. */
  earlier: number | undefined
  /** Undefined where there is so much that it was not counted. */
  before: EarlierLines | undefined
}

/** Tells where attempts start, to a reader who goes through the log in one direction. */
interface AttemptStarts {
  /** The latest attempt that starts after event `earlier` and not after event `later`. */
  between(earlier: number, later: number): number | undefined
}

function attemptStarts(db: Db, runId: string): AttemptStarts {
  const ended = readEarlierAttempts(db, runId)
  return {
    between(earlier, later) {
      const last = ended.findLast(({ lastEvent }) => earlier <= lastEvent && lastEvent < later)
      return last && last.attempt + 1
    },
  }
}

/** Identifies a stream of a task, or of the script: each has its own unfinished line. */
export function streamKey({ task, number, stream }: Omit<LogPiece, 'data'>): string {
  return `${stream} ${number ?? ''} ${task ?? ''}`
}

/**
 * The end of a run's output before event `before`, or of all output, in order, and the event before which there is
 * more. Read backwards, so that the end of a long log costs no more than that of a short one.
 */
export async function readLogPage(db: Db, runId: string, before: number | undefined): Promise<LogPage> {
  const rows = await db
    .select()
    .from(runEvents)
    .where(
      and(
        eq(runEvents.runId, runId),
        eq(runEvents.type, 'log'),
        before === undefined ? undefined : lt(runEvents.id, before),
      ),
    )
    .orderBy(desc(runEvents.id))
    .limit(MAX_EVENTS + 1)
  const pieces: LogPiece[] = []
  const starts = attemptStarts(db, runId)
  let length = 0
  let lines = 0
  for (const [index, { id, type, data }] of rows.entries()) {
    if (pieces.length === MAX_EVENTS || length > MAX_LENGTH || lines > MAX_LINES)
      return { pieces: pieces.toReversed(), earlier: id + 1, before: countEarlier(db, runId, id + 1, starts) }
    const piece = toPiece(type, data)
    if (piece === undefined) continue
    const startsAttempt = starts.between(rows[index + 1]?.id ?? 0, id)
    pieces.push(startsAttempt === undefined ? piece : { ...piece, startsAttempt })
    length += piece.data.length
    lines += countLineEnds(piece.data)
  }
  return { pieces: pieces.toReversed(), earlier: undefined, before: { count: 0, open: new Set() } }
}

/** The lines before event `before`; undefined where there are too many to count while somebody waits. */
function countEarlier(
  db: Db,
  runId: string,
  before: number,
  starts: AttemptStarts,
): EarlierLines | undefined {
  const rows = db.$client
    .query<{ id: number; data: string }, [string, number, number]>(
      "SELECT id, data FROM run_events WHERE run_id = ? AND type = 'log' AND id < ? ORDER BY id LIMIT ?",
    )
    .iterate(runId, before, MAX_COUNTED_EVENTS + 1)
  const open = new Set<string>()
  let [events, length, count, last] = [0, 0, 0, 0]
  for (const { id, data } of rows) {
    events += 1
    length += data.length
    if (events > MAX_COUNTED_EVENTS || length > MAX_COUNTED_LENGTH) return undefined
    const piece = toPiece('log', data)
    if (piece === undefined) continue
    if (starts.between(last, id) !== undefined) open.clear()
    last = id
    const key = streamKey(piece)
    const isUnfinished = !piece.data.endsWith('\n')
    count += countLineEnds(piece.data) + Number(isUnfinished) - Number(open.has(key))
    if (isUnfinished) open.add(key)
    else open.delete(key)
  }
  if (starts.between(last, before) !== undefined) open.clear()
  return { count, open }
}

function toPiece(type: string, json: string): LogPiece | undefined {
  const event = v.parse(runEventSchema, { type, data: JSON.parse(json) as unknown })
  if (event.type !== 'log') return undefined
  const { task, number, stream, data } = event.data
  return { task, number, stream, data }
}

function countLineEnds(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1
  return count
}

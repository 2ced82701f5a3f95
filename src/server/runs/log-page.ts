import { and, desc, eq, lt } from 'drizzle-orm'
import * as v from 'valibot'
import { runEventSchema } from '../../contract/events.ts'
import type { Db } from '../db/open.ts'
import { runEvents } from '../db/schema.ts'

/** A page of output: about what somebody scrolls through. Of a piece with many lines, all are on one page. */
const MAX_EVENTS = 1000
const MAX_LINES = 1000
const MAX_LENGTH = 256 * 1024

export interface LogPiece {
  task: string | undefined
  /** The task's: names may repeat. */
  number?: number | undefined
  stream: 'stdout' | 'stderr'
  data: string
}

/**
 * The last of a run's output before event `before`, or the last of all, in order, and the event before which there
 * is more. Read backwards, so that the end of a long log costs no more than that of a short one.
 */
export async function readLogPage(
  db: Db,
  runId: string,
  before: number | undefined,
): Promise<{ pieces: LogPiece[]; earlier: number | undefined }> {
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
  let length = 0
  let lines = 0
  for (const { id, type, data } of rows) {
    if (pieces.length === MAX_EVENTS || length > MAX_LENGTH || lines > MAX_LINES)
      return { pieces: pieces.toReversed(), earlier: id + 1 }
    const event = v.parse(runEventSchema, { type, data: JSON.parse(data) as unknown })
    if (event.type !== 'log') continue
    const { task, number, stream, data: text } = event.data
    pieces.push({ task, number, stream, data: text })
    length += event.data.data.length
    lines += event.data.data.split('\n').length - 1
  }
  return { pieces: pieces.toReversed(), earlier: undefined }
}

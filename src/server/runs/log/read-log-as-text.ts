/** The log of a run as text, line by line, as `fob runs logs` prints it into a file. */
import type { RunEvent } from '../../../contract/run-events.ts'
import { createTaskLogPrinter, type TaskLogPrinter } from '../../../platform/terminal/task-log-printer.ts'
import type { Db } from '../../db/open-database.ts'
import { readEvents } from '../journal/read-run-records.ts'

/** How many events are read at once, at first and at most. */
const FIRST_PAGE = 16
const MAX_PAGE = 512
/** In UTF-16 units: after a page with less text more events are read at once, after one with more text fewer. */
const SMALL_PAGE = 64 * 1024
const LARGE_PAGE = 256 * 1024

export interface LogText {
  text: string
  /** Whether the text stays as it is when the run continues; else it has lines that have no end yet. */
  isFinal: boolean
}

/**
 * What a run has printed so far: whole lines, with the names of tasks where several run at once. In small pieces, all
 * but the last of which are final. After each piece the server does other work: many clients can read long logs side
 * by side, and the server neither stands still nor holds those logs.
 */
export async function* readLogText(db: Db, runId: string): AsyncGenerator<LogText, void> {
  let text = ''
  const lines = createTaskLogPrinter({
    isTerminal: { stdout: false, stderr: false },
    isShared: true,
    write: (_stream, piece) => void (text += piece),
  })
  const take = (isFinal: boolean): LogText => {
    const taken = text
    text = ''
    return { text: taken, isFinal }
  }
  let limit = FIRST_PAGE
  let after = 0
  for (;;) {
    const page = await readEvents(db, runId, after, limit)
    let length = 0
    for (const event of page) {
      length += add(lines, event)
      // A name before each of many short lines makes it much longer than what was printed.
      if (text.length <= LARGE_PAGE) continue
      yield take(true)
      await yieldToOthers()
    }
    if (text !== '') yield take(true)
    const last = page.at(-1)
    if (last === undefined || page.length < limit) break
    after = last.id
    if (length < SMALL_PAGE) limit = Math.min(MAX_PAGE, limit * 2)
    else if (length > LARGE_PAGE) limit = Math.max(1, Math.floor(limit / 2))
    await yieldToOthers()
  }
  lines.end()
  if (text !== '') yield take(false)
}

/** The database is read synchronously, so nothing else would give the event loop a turn. */
async function yieldToOthers(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}

/** @returns the length of what the event has printed */
function add(lines: TaskLogPrinter, { type, data }: RunEvent): number {
  if (type === 'log') {
    const { task: name, number, stream, data: printed } = data
    lines.output(name === undefined ? undefined : { name, number }, stream, printed)
    return printed.length
  }
  if (type === 'task') {
    if (data.status === 'running') lines.started(data)
    else lines.ended(data)
  }
  if (type === 'exit') lines.end()
  return 0
}

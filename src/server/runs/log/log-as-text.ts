import type { RunEvent } from '../../../contract/run-events.ts'
import { openTaskLines, type TaskLines } from '../../../platform/terminal/task-log-printer.ts'
import type { Db } from '../../db/open-database.ts'
import { readEvents } from '../journal/run-records.ts'

/** Events read in one go, at first; and between which sizes of their text, in UTF-16 units, that changes. */
const FIRST_PAGE = 16
const MAX_PAGE = 512
const SMALL_PAGE = 64 * 1024
const LARGE_PAGE = 256 * 1024

/**
 * What a run has printed so far, as `fob runs logs` prints it into a file: whole lines, with the names of tasks where
 * several go on at once. In pieces, none of which changes when the run goes on; then what is left of lines that have
 * no end yet. A piece is small, and others have their turn after each: many can read long logs side by side, and the
 * server neither stands still nor holds those logs.
 */
export async function* readLogText(db: Db, runId: string): AsyncGenerator<string, string> {
  let text = ''
  const lines = openTaskLines({
    isTerminal: { stdout: false, stderr: false },
    isShared: true,
    write: (_stream, piece) => void (text += piece),
  })
  const take = () => {
    const taken = text
    text = ''
    return taken
  }
  let limit = FIRST_PAGE
  for (let after = 0; ;) {
    const page = await readEvents(db, runId, after, limit)
    let length = 0
    for (const event of page) {
      length += add(lines, event)
      // A name before each of many short lines makes it much longer than what was printed.
      if (text.length <= LARGE_PAGE) continue
      yield take()
      await turn()
    }
    if (text !== '') yield take()
    const last = page.at(-1)
    if (last === undefined || page.length < limit) break
    after = last.id
    if (length < SMALL_PAGE) limit = Math.min(MAX_PAGE, limit * 2)
    else if (length > LARGE_PAGE) limit = Math.max(1, limit >> 1)
    await turn()
  }
  lines.end()
  return take()
}

/** The database answers at once, so that nothing else would let go of the event loop. */
async function turn(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}

/** @returns how much was printed */
function add(lines: TaskLines, { type, data }: RunEvent): number {
  if (type === 'log') {
    const { task: name, number, stream, data: printed } = data
    lines.says(name === undefined ? undefined : { name, number }, stream, printed)
    return printed.length
  }
  if (type === 'task') {
    if (data.status === 'running') lines.begins(data)
    else lines.ends(data)
  }
  if (type === 'exit') lines.end()
  return 0
}

import type { LogEntry, RunJournal } from './journal.ts'

/** What an event costs beside its text, so that a million empty ones count too. */
const EVENT_BYTES = 64

/**
 * The journal of a run, of whose output no more than `maxBytes` are kept: then one line says so, in the place
 * of what would have been next, and all further output is dropped. The run itself goes on.
 */
export function capLog(journal: RunJournal, maxBytes: number): RunJournal {
  let left = maxBytes
  let isCut = false

  async function log(entry: LogEntry): Promise<void> {
    if (isCut) return
    left -= Buffer.byteLength(entry.data) + EVENT_BYTES
    if (left >= 0) return await journal.log(entry)
    isCut = true
    const size = Number((maxBytes / (1024 * 1024)).toFixed(1))
    await journal.log({ ...entry, stream: 'stderr', data: `the log is cut here: more than ${size} MiB\n` })
  }

  return { ...journal, log }
}

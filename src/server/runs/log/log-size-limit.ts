/** The limit of how much output of one run is stored. */
import type { LogEntry, RunJournal } from '../journal/run-journal-type.ts'

/** What an event counts for in addition to its text, so that a million empty ones count too. */
const EVENT_BYTES = 64

/**
 * The journal of a run that stores at most `maxBytes` of output: then one line reports the limit, in the place of the
 * next entry, and all further output is dropped. The run itself continues.
 * @param already how much was stored before; over `maxBytes` when that line was stored
 */
export function capLog(journal: RunJournal, maxBytes: number, already = 0): RunJournal {
  let left = maxBytes - already

  function withinLimit(entry: LogEntry): LogEntry[] {
    if (left < 0) return []
    left -= entryBytes(entry.data)
    if (left >= 0) return [entry]
    const size = Number((maxBytes / (1024 * 1024)).toFixed(1))
    return [{ ...entry, stream: 'stderr', data: `the log is cut here: more than ${size} MiB\n` }]
  }

  return { ...journal, log: (entries, mark) => journal.log(entries.flatMap(withinLimit), mark) }
}

/** What an entry counts for, in bytes. */
export function entryBytes(data: string | Uint8Array): number {
  return (typeof data === 'string' ? Buffer.byteLength(data) : data.length) + EVENT_BYTES
}

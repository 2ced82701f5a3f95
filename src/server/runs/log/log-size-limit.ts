import type { LogEntry, RunJournal } from '../journal/journal.ts'

/** What an event costs beside its text, so that a million empty ones count too. */
const EVENT_BYTES = 64

/**
 * The journal of a run, of whose output no more than `maxBytes` are kept: then one line says so, in the place
 * of what would have been next, and all further output is dropped. The run itself goes on.
 * @param already how much was kept before; over `maxBytes` when that line has been said.
 */
export function capLog(journal: RunJournal, maxBytes: number, already = 0): RunJournal {
  let left = maxBytes - already

  function fit(entry: LogEntry): LogEntry[] {
    if (left < 0) return []
    left -= entryBytes(entry.data)
    if (left >= 0) return [entry]
    const size = Number((maxBytes / (1024 * 1024)).toFixed(1))
    return [{ ...entry, stream: 'stderr', data: `the log is cut here: more than ${size} MiB\n` }]
  }

  return { ...journal, log: (entries, mark) => journal.log(entries.flatMap(fit), mark) }
}

/** What an entry counts for. */
export function entryBytes(data: string): number {
  return Buffer.byteLength(data) + EVENT_BYTES
}

/** The writer of one run: numbers its events, batches its output, and stores a change and its event together. */
import type { RunEvent } from '../../../contract/run-events.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import type { Offsets } from '../drivers/driver-interface.ts'
import * as log from './write-event-and-output-rows.ts'
import type { LogEntry, OutputMark } from './run-journal-type.ts'
import type { Write } from './write-run-rows.ts'

/** Rows that change in the transaction of an event. `at`: its instant. `stored`: what the run takes with it. */
export type Change = (tx: Write, at: number, stored: log.StoredBytes) => void

/** How long output may wait to be stored together with what comes after it. */
const BATCH_MS = 20
/**
 * With more than this, in bytes or UTF-16 units, output is stored at once: each transaction writes some pages again
 * that the one before has written. Less than a supervisor buffers for a server that takes and does not store.
 */
const BATCH_LENGTH = 1024 * 1024

export interface RunWriterOptions {
  db: Db
  clock: Clock
  runId: string
  /** The number of the last event. */
  lastEventId: number
  /** How much of each stream is in the log, by the number of the task; 0 is the script. */
  offsets: Map<number, Offsets>
  bytes: log.StoredBytes
  onClosed(): void
}

export interface RunWriter {
  /**
   * Stores the buffered output, then `events`, with `change`: all of it or nothing. The number of an event that
   * was not stored is used again.
   * @returns the instant of the events
   * @throws Error of the database; and when the writer is closed
   */
  write(events: readonly RunEvent[], change?: Change): number
  /** Buffers output, which is stored in a moment, or with whatever is written before that. */
  log(entries: readonly LogEntry[], mark?: OutputMark): void
  stored(number: number): Offsets
  /** The task starts from its beginning: nothing of its output counts as stored. */
  resetOffsets(number: number): void
  /** Responses are part of what a run takes in the database. */
  addResponseBytes(bytes: number): void
  /** Counts again what the run takes. */
  recount(): void
  /** Gives up the buffered output. */
  dropBuffered(): void
  /** Resolves at the next event, and when the writer is closed. */
  changed(): Promise<void>
  close(): void
}

export function createRunWriter({ db, clock, runId, onClosed, ...from }: RunWriterOptions): RunWriter {
  const { offsets } = from
  let { lastEventId, bytes } = from
  let buffered: LogEntry[] = []
  let bufferedLength = 0
  /** By task and stream: what is stored once the buffered output is. */
  const marks = new Map<string, OutputMark>()
  /** Set while output waits. */
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Whether output waits because it could not be stored. */
  let isStuck = false
  let isClosed = false
  let changed = Promise.withResolvers<void>()

  function requireOpen(): void {
    if (isClosed) throw new Error(`run ${runId} has ended`)
  }

  function write(events: readonly RunEvent[], change?: Change): number {
    requireOpen()
    const at = clock.now()
    const firstId = lastEventId + 1 + buffered.length
    const numbered = events.map((event, index) => ({ ...event, id: firstId + index }))
    const eventRows = log.toEventRows(runId, numbered, at)
    const stored = { ...bytes, events: bytes.events + log.eventBytes(eventRows) }
    db.transaction(
      (tx) => {
        for (const mark of marks.values()) log.storeMark(db.$client, runId, mark)
        stored.events += log.insertLog(db.$client, runId, buffered, { id: lastEventId + 1, at })
        change?.(tx, at, stored)
        log.insertEvents(tx, eventRows)
      },
      { behavior: 'immediate' },
    )
    bytes = stored
    for (const { number, stream, bytes } of marks.values()) {
      offsets.set(number, { ...storedOf(number), [stream]: bytes })
    }
    dropBuffered()
    lastEventId = firstId + events.length - 1
    changed.resolve()
    changed = Promise.withResolvers()
    return at
  }

  function append(entries: readonly LogEntry[], mark?: OutputMark): void {
    requireOpen()
    buffered.push(...entries)
    for (const entry of entries) bufferedLength += entry.data.length
    if (mark) marks.set(`${mark.number} ${mark.stream}`, mark)
    if (isStuck || bufferedLength >= BATCH_LENGTH) {
      write([])
      return
    }
    // The timer of the system and not the injected clock: this is about the disk, and no instant that anyone sees.
    timer ??= setTimeout(() => {
      try {
        write([])
      } catch {
        isStuck = true
      }
    }, BATCH_MS)
  }

  function storedOf(number: number): Offsets {
    return offsets.get(number) ?? { stdout: 0, stderr: 0 }
  }

  function dropBuffered(): void {
    clearTimeout(timer)
    timer = undefined
    isStuck = false
    buffered = []
    bufferedLength = 0
    marks.clear()
  }

  return {
    write,
    log: append,
    stored: storedOf,
    resetOffsets: (number) => {
      for (const stream of ['stdout', 'stderr']) marks.delete(`${number} ${stream}`)
      offsets.delete(number)
    },
    addResponseBytes: (more) => {
      bytes = { ...bytes, responses: bytes.responses + more }
    },
    recount: () => {
      bytes = log.readStoredBytes(db, runId)
    },
    dropBuffered,
    changed: () => changed.promise,
    close: () => {
      clearTimeout(timer)
      isClosed = true
      onClosed()
      changed.resolve()
    },
  }
}

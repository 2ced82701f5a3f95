/** The writer of one run: numbers its events, batches its output, and stores a change and its event together. */
import type { RunEvent } from '../../../contract/run-events.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import type { Offsets } from '../drivers/driver-interface.ts'
import * as log from './write-event-and-output-rows.ts'
import type { LogEntry, OutputMark } from './run-journal-type.ts'
import type { Write } from './write-run-rows.ts'
import * as output from './write-task-and-output-rows.ts'

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
  /**
   * The same with the next write, or when this turn of the event loop ends: for what is followed at once by another
   * write. Output that is buffered meanwhile is stored before it. Where it cannot be stored it is written with the next
   * write, whose caller gets the error.
   */
  writeSoon(events: readonly RunEvent[], change: Change): number
  /** Writes what waits. @throws Error as `write` does */
  flush(): void
  /** Buffers output, which is stored in a moment, or with whatever is written before that. */
  log(entries: readonly LogEntry[], mark?: OutputMark): void
  stored(number: number): Offsets
  /** The task starts from its beginning: nothing of its output counts as stored. */
  resetOffsets(number: number): void
  /** Responses are part of what a run takes in the database. */
  addResponseBytes(bytes: number): void
  /** Counts again what the run takes. */
  recount(): void
  /** Gives up what waits. */
  dropBuffered(): void
  /** Resolves at the next event, and when the writer is closed. */
  changed(): Promise<void>
  close(): void
}

/** What is stored together: events, their instant, and the rows that change with them. */
interface Batch {
  events: readonly RunEvent[]
  change: Change | undefined
  at: number
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
  /** What is written with the next write, after the buffered output. */
  let soon: Batch[] = []
  let immediate: ReturnType<typeof setImmediate> | undefined
  let isClosed = false
  let changed = Promise.withResolvers<void>()

  function requireOpen(): void {
    if (isClosed) throw new Error(`run ${runId} has ended`)
  }

  function write(events: readonly RunEvent[], change?: Change): number {
    requireOpen()
    const at = clock.now()
    const batches = [...soon, { events, change, at }]
    let id = lastEventId + buffered.length
    const eventRows = batches.flatMap((batch) =>
      log.toEventRows(
        runId,
        batch.events.map((event) => ({ ...event, id: ++id })),
        batch.at,
      ),
    )
    const stored = { ...bytes, events: bytes.events + log.eventBytes(eventRows) }
    db.transaction(
      (tx) => {
        for (const mark of marks.values()) output.storeMark(db.$client, runId, mark)
        stored.events += output.insertLog(db.$client, runId, buffered, { id: lastEventId + 1, at })
        for (const batch of batches) batch.change?.(tx, batch.at, stored)
        output.insertEvents(db.$client, eventRows)
      },
      { behavior: 'immediate' },
    )
    bytes = stored
    for (const { number, stream, bytes } of marks.values()) {
      offsets.set(number, { ...storedOf(number), [stream]: bytes })
    }
    dropBuffered()
    lastEventId = id
    changed.resolve()
    changed = Promise.withResolvers()
    return at
  }

  function writeSoon(events: readonly RunEvent[], change: Change): number {
    requireOpen()
    const at = clock.now()
    soon.push({ events, change, at })
    immediate ??= setImmediate(tryToFlush)
    return at
  }

  function flush(): void {
    if (soon.length > 0 || buffered.length > 0 || marks.size > 0) write([])
  }

  function tryToFlush(): void {
    immediate = undefined
    try {
      flush()
    } catch {
      isStuck = true
    }
  }

  function append(entries: readonly LogEntry[], mark?: OutputMark): void {
    requireOpen()
    // A stream that printed nothing.
    if (mark && entries.length === 0 && isStored(mark)) return
    buffered.push(...entries)
    for (const entry of entries) bufferedLength += entry.data.length
    if (mark) marks.set(keyOf(mark), mark)
    if (isStuck || bufferedLength >= BATCH_LENGTH) {
      write([])
      return
    }
    // The timer of the system and not the injected clock: this is about the disk, and no instant that anyone sees.
    timer ??= setTimeout(tryToFlush, BATCH_MS)
  }

  function isStored(mark: OutputMark): boolean {
    return !marks.has(keyOf(mark)) && storedOf(mark.number)[mark.stream] === mark.bytes
  }

  function storedOf(number: number): Offsets {
    return offsets.get(number) ?? { stdout: 0, stderr: 0 }
  }

  function dropBuffered(): void {
    clearTimeout(timer)
    clearImmediate(immediate)
    timer = immediate = undefined
    soon = []
    isStuck = false
    buffered = []
    bufferedLength = 0
    marks.clear()
  }

  return {
    write,
    writeSoon,
    flush,
    log: append,
    stored: storedOf,
    resetOffsets: (number) => {
      for (const stream of ['stdout', 'stderr'] as const) marks.delete(keyOf({ number, stream }))
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
      clearImmediate(immediate)
      isClosed = true
      onClosed()
      changed.resolve()
    },
  }
}

function keyOf({ number, stream }: Pick<OutputMark, 'number' | 'stream'>): string {
  return `${number} ${stream}`
}

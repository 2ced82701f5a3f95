/** Follows the events of a run: stored ones, then new ones as they come. */
import type { NumberedEvent } from '../../../contract/run-events.ts'

/** How many events are read at once: a slow reader makes the server hold no more than these. */
const PAGE = 100

interface EventSource {
  /** Stored events with a number over `after`, in order. */
  read(after: number, limit: number): Promise<NumberedEvent[]>
  /** Resolves at the next event; undefined when no further one can come. */
  next(): Promise<void> | undefined
}

/**
 * The events of a run after number `after`; ends after the `exit` event or when `signal` fires. Each event is read
 * from the database when the reader asks for it, so none is lost or doubled, and none is held in memory for a slow
 * reader.
 */
export async function* followEvents(
  source: EventSource,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<NumberedEvent, void> {
  let wake = nothing
  const onAbort = () => wake()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    let last = after
    while (!signal.aborted) {
      // Asked for before the read: an event that is stored in between resolves it.
      const next = source.next()
      const page = await source.read(last, PAGE)
      for (const event of page) {
        if (signal.aborted) return
        last = event.id
        // The exit of an earlier attempt is not the end of a run that was resumed.
        if (event.type === 'exit' && (await source.read(last, 1)).length > 0) continue
        yield event
        if (event.type === 'exit') return
      }
      if (page.length === 0 && !next) return
      // Fewer than were asked for are all that there are: any later one resolves `next`.
      if (page.length < PAGE && next) {
        await new Promise<void>((resolve) => {
          wake = resolve
          void next.then(resolve)
          if (signal.aborted) resolve()
        })
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function nothing(): void {}

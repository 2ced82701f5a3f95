/** The events of a run as a response of server-sent events. */
import type { NumberedEvent } from '../../../contract/run-events.ts'
import { Fault } from '../../../contract/fault.ts'
import type { Call } from '../request-context.ts'
import type { Services } from '../handler-services.ts'

/** How often a comment line is sent, so that proxies do not cut a quiet stream. */
const HEARTBEAT_MS = 15_000
/** A reader that takes nothing for so many heartbeats in a row, a minute in all, is cut off. */
const MOST_MISSED = 4

/**
 * The events after `after`, then the live ones, until `exit`. The stream is pulled: a slow reader delays only its own
 * stream, and takes no more memory than the system buffers for its socket. A reader that takes nothing at all is cut
 * off, and can come back with `Last-Event-ID`.
 */
export function eventStream(call: Call, services: Services, runId: string, after: number): Response {
  // HEAD does not follow the run; an empty stream keeps the response from a `Content-Length` of 0.
  if (call.method === 'HEAD') return new Response(new ReadableStream(), { headers: HEADERS })
  call.keepOpen()
  const { runs, pipelines, clock, log } = services
  const abort = new AbortController()
  const end = () => abort.abort(new Fault('interrupted', 'the stream has ended'))
  call.request.signal.addEventListener('abort', end, { once: true })
  const events = runs.events(call.principal.tenant.id, runId, after, abort.signal)[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let pulls = 0
  let last = after

  async function beat(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (let missed = 0, seen = 0; missed < MOST_MISSED; seen = pulls) {
      await clock.sleep(HEARTBEAT_MS, abort.signal)
      const hasRoom = (controller.desiredSize ?? 0) > 0
      if (hasRoom) controller.enqueue(encoder.encode(': \n\n'))
      missed = hasRoom || pulls > seen ? 0 : missed + 1
    }
    log.info('a reader that took nothing was cut off', { run: runId, request: call.requestId })
    // `close` would wait for the reader to take the rest. Without a reason, because Bun prints it.
    controller.error()
    end()
  }

  /** A log that is removed while it is read must not look complete. */
  async function isCutShort(id: number): Promise<boolean> {
    const hasGap = last > 0 && id !== last + 1
    last = id
    return hasGap && (await pipelines.runOf(call.principal, runId))?.logRemovedAt !== null
  }

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(': the events of one run\n\n'))
      void beat(controller).catch(() => {})
    },
    async pull(controller) {
      pulls += 1
      try {
        const next = await events.next()
        if (abort.signal.aborted) return
        if (next.done === true) controller.close()
        else if (await isCutShort(next.value.id)) controller.error()
        else return controller.enqueue(encoder.encode(format(next.value)))
      } catch (error) {
        controller.error(error)
      }
      end()
    },
    cancel: end,
  })
  return new Response(body, { headers: HEADERS })
}

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
}

/** JSON has no raw line ends, so one `data` line is always enough. */
function format({ id, type, data }: NumberedEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`
}

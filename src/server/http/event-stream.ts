import type { NumberedEvent } from '../../contract/events.ts'
import type { Call } from './call.ts'
import type { Services } from './services.ts'

/** A comment line at this pace keeps proxies from cutting a quiet stream. */
const HEARTBEAT_MS = 15_000

/**
 * A run's events as server-sent events: those after `after`, then the live ones, until `exit`.
 * Pull-driven: a slow reader holds back its own stream and nothing else.
 */
export function eventStream(call: Call, { runs }: Services, runId: string, after: number): Response {
  // A HEAD gets the headers alone: its body would be dropped unread, and with it the way to end the stream.
  if (call.request.method === 'HEAD') return new Response(null, { headers: HEADERS })
  call.keepOpen()
  const abort = new AbortController()
  call.request.signal.addEventListener('abort', () => abort.abort(), { once: true })
  const events = runs.events(call.principal.tenant.id, runId, after, abort.signal)[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let heartbeat: ReturnType<typeof setInterval> | undefined
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(': the events of one run\n\n'))
      heartbeat = setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(': \n\n'))
      }, HEARTBEAT_MS)
    },
    async pull(controller) {
      try {
        const next = await events.next()
        if (next.done !== true) return controller.enqueue(encoder.encode(format(next.value)))
        controller.close()
      } catch (error) {
        controller.error(error)
      }
      clearInterval(heartbeat)
    },
    cancel() {
      clearInterval(heartbeat)
      abort.abort()
    },
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

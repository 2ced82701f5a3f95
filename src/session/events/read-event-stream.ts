/** Server-sent events: one connection, read until the server ends it or goes silent. */
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import { reasonOf } from '../../platform/network/describe-fetch-failure.ts'
import { parseJson } from '../../platform/parse-json.ts'

/** One event of a stream: `data` is parsed JSON whose shape is not checked. */
export interface ServerEvent {
  id: string | undefined
  type: string
  data: unknown
}

/** How long the server may take to start, and how long it may be silent: it sends heartbeats meanwhile. */
const CONNECT_TIMEOUT_MS = 30_000
const SILENCE_MS = 90_000
const MAX_EVENT_CHARS = 8 * 1024 * 1024

export interface Stream {
  server: string
  connect: (signal: AbortSignal) => Promise<Response>
  clock: Clock
  signal: AbortSignal
  /** Called when the server has responded with a stream. */
  onStart?: () => void
}

/**
 * Reads server-sent events (WHATWG HTML §9.2) until the server ends the stream. Leaving the loop closes the
 * connection.
 * @throws Fault `unreachable` when the connection breaks or goes silent, `server_error` when the response is not an
 * event stream; the signal's reason.
 */
export async function* readEvents({
  server,
  connect,
  onStart,
  ...wait
}: Stream): AsyncGenerator<ServerEvent> {
  const { createParser } = await import('eventsource-parser')
  const waiting: ServerEvent[] = []
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARS,
    onEvent: ({ id, event, data }) => {
      waiting.push({ id, type: event ?? 'message', data: parseData(data, server) })
    },
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw notEvents(server)
    },
  })
  const connectToEvents = async (within: AbortSignal) => {
    const response = await connect(within)
    if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) throw notEvents(server)
    onStart?.()
    return response
  }
  const decoder = new TextDecoder()
  for await (const chunk of readChunks({ server, connect: connectToEvents, ...wait })) {
    parser.feed(decoder.decode(chunk, { stream: true }))
    yield* waiting.splice(0)
  }
}

/** The chunks of a body, each of them in time. Leaving the loop closes the connection. */
async function* readChunks({
  server,
  connect,
  clock,
  signal,
}: Omit<Stream, 'onStart'>): AsyncGenerator<Uint8Array> {
  const end = new AbortController()
  const within = AbortSignal.any([signal, end.signal])
  try {
    const wait = { server, clock, signal }
    const response = await inTime(connect(within), CONNECT_TIMEOUT_MS, wait)
    if (response.body === null) return
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await inTime(reader.read(), SILENCE_MS, wait)
      if (done) return
      yield value
    }
  } finally {
    end.abort(new Error('the stream was left'))
  }
}

async function inTime<T>(
  work: Promise<T>,
  ms: number,
  { server, clock, signal }: { server: string; clock: Clock; signal: AbortSignal },
): Promise<T> {
  const over = new AbortController()
  const late = clock.sleep(ms, AbortSignal.any([signal, over.signal])).then((): never => {
    throw new Fault('unreachable', `${server} has gone silent`)
  })
  try {
    return await Promise.race([work, late])
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof Fault) throw error
    throw new Fault('unreachable', `the connection to ${server} broke: ${reasonOf(error).words}`)
  } finally {
    over.abort(new Error('done'))
    late.catch(() => {})
    work.catch(() => {})
  }
}

function parseData(text: string, server: string): unknown {
  const data = parseJson(text)
  if (data === undefined) throw notEvents(server)
  return data
}

function notEvents(server: string): Fault {
  return new Fault('server_error', `the event stream of ${server} was not understood`)
}

/** HTTP with SSE (revision 2024-11-05): one stream for all that the server says, and an address that it names for POSTs. */
import { Fault } from '../../contract/fault.ts'
import type { HostMessage } from '../messages/host-message.ts'
import { readStream } from './event-stream.ts'
import { EVENTS_TYPE, JSON_TYPE, refusalOf, request, typeOf } from './http-exchange.ts'
import { type Remote, type RemoteOptions, SessionLost } from './remote-interface.ts'

/** Until the server has named its address for messages. */
const ENDPOINT_MS = 10_000

interface Stream {
  endpoint: string
  /** Rejects when the stream has ended, for whatever reason. */
  ended: Promise<never>
}

/**
 * Opens the stream.
 * @returns undefined where the server has none: it does not speak this transport
 */
export async function openHttpWithSse(
  options: RemoteOptions,
  signal: AbortSignal,
): Promise<Remote | undefined> {
  const closed = new AbortController()
  const waiting = new Map<HostMessage, () => void>()
  const settle = () => {
    for (const [message, done] of waiting) if (!options.awaits(message)) done()
  }
  const stream = await openStream(options, AbortSignal.any([closed.signal, signal]), closed.signal, settle)
  if (stream === undefined) return undefined
  const { endpoint, ended } = stream

  return {
    send: async (message, within) => {
      const headers = new Headers(options.headers)
      headers.set('content-type', JSON_TYPE)
      const responded = new Promise<void>((resolve) => waiting.set(message, resolve))
      try {
        const posted = request(options.fetch, endpoint, {
          method: 'POST',
          headers,
          body: message.text,
          signal: within,
        })
        const response = await Promise.race([posted, ended])
        if (!response.ok) throw await refusalOf(response)
        await response.body?.cancel()
        if (options.awaits(message)) await Promise.race([responded, ended, aborted(within)])
      } finally {
        waiting.delete(message)
      }
    },
    close: async () => closed.abort(new Error('the session is over')),
  }
}

async function openStream(
  options: RemoteOptions,
  opening: AbortSignal,
  open: AbortSignal,
  delivered: () => void,
): Promise<Stream | undefined> {
  const { url, fetch, clock, deliver, log } = options
  const headers = new Headers(options.headers)
  headers.set('accept', EVENTS_TYPE)
  const response = await request(fetch, url, { method: 'GET', headers, signal: open })
  if (!response.ok || typeOf(response) !== EVENTS_TYPE) {
    await response.body?.cancel()
    return undefined
  }
  const named = Promise.withResolvers<string>()
  const read = async (): Promise<never> => {
    for await (const { type, data } of readStream(response)) {
      if (type === 'endpoint') named.resolve(endpointOf(data, url))
      else if (type === 'message') {
        await deliver(data)
        delivered()
      }
    }
    throw new SessionLost()
  }
  const ended = read().catch((error: unknown): never => {
    if (error instanceof Fault) throw error
    log('the stream of the server ended')
    throw new SessionLost()
  })
  ended.catch(() => {})
  const late = clock.sleep(ENDPOINT_MS, opening).then(() => undefined)
  const endpoint = await Promise.race([named.promise, ended, late])
  return endpoint === undefined ? undefined : { endpoint, ended }
}

/** Messages carry the credential, so their address has to be the server's own. */
function endpointOf(text: string, url: string): string {
  const endpoint = URL.parse(text, url)
  if (endpoint?.origin === new URL(url).origin) return endpoint.href
  throw new Fault('server_error', 'the server names an address of another origin for its messages')
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(signal.reason as Error)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

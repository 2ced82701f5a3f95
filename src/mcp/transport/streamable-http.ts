/** Streamable HTTP (revisions 2025-03-26 and later): a POST for each message, and a stream for what comes unasked. */
import { Fault } from '../../contract/fault.ts'
import type { HostMessage } from '../messages/host-message.ts'
import { type StreamEvent, readStream } from './event-stream.ts'
import { bodyOf, EVENTS_TYPE, JSON_TYPE, refusalOf, request, typeOf } from './http-exchange.ts'
import { mirroredHeaders } from './mirrored-headers.ts'
import { type Remote, type RemoteOptions, SessionLost } from './remote-interface.ts'

/** Until a stream is opened again, where the server does not say. */
const RETRY_MS = 1000
const MAX_RETRY_MS = 30_000
/** How often in a row a stream that brings nothing is opened again. */
const MAX_FRUITLESS = 5

export function streamableHttp(options: RemoteOptions): Remote {
  const { url, fetch, clock, deliver, awaits, log } = options
  const mirrored = mirroredHeaders()
  const closed = new AbortController()
  let sessionId: string | undefined
  let revision: string | undefined
  let listening = false

  function headersOf(message?: HostMessage): Headers {
    const headers = new Headers(options.headers)
    if (sessionId !== undefined) headers.set('mcp-session-id', sessionId)
    if (revision !== undefined && message?.method !== 'initialize')
      headers.set('mcp-protocol-version', revision)
    for (const [name, value] of Object.entries(message === undefined ? {} : mirrored.of(message))) {
      headers.set(name, value)
    }
    return headers
  }

  async function post(message: HostMessage, signal: AbortSignal): Promise<Response> {
    if (message.method === 'initialize') sessionId = revision = undefined
    const headers = headersOf(message)
    headers.set('content-type', JSON_TYPE)
    headers.set('accept', `${JSON_TYPE}, ${EVENTS_TYPE}`)
    const response = await request(fetch, url, { method: 'POST', headers, body: message.text, signal })
    if (response.ok) return response
    const inSession = sessionId !== undefined
    const refusal = await refusalOf(response)
    if (response.status === 404 && inSession) {
      sessionId = undefined
      throw new SessionLost()
    }
    throw refusal
  }

  /** @returns undefined where the server has no such stream */
  async function get(lastEventId: string | undefined, signal: AbortSignal): Promise<Response | undefined> {
    const headers = headersOf()
    headers.set('accept', EVENTS_TYPE)
    if (lastEventId !== undefined) headers.set('last-event-id', lastEventId)
    const response = await request(fetch, url, { method: 'GET', headers, signal })
    if (response.ok && typeOf(response) === EVENTS_TYPE) return response
    await response.body?.cancel()
    return undefined
  }

  async function take(text: string, message?: HostMessage): Promise<void> {
    const result = (await deliver(text))?.result
    if (result === undefined || message === undefined) return
    if (message.method === 'initialize' && typeof result.protocolVersion === 'string') {
      revision = result.protocolVersion
    }
    if (message.method === 'tools/list') mirrored.learn(result)
  }

  /** Until the response to the message has come; a stream that breaks is resumed where the server numbers its events. */
  async function follow(first: Response, message: HostMessage, signal: AbortSignal): Promise<void> {
    let response: Response | undefined = first
    let lastId: string | undefined
    let retryMs = RETRY_MS
    for (let fruitless = 0; fruitless <= MAX_FRUITLESS; fruitless++) {
      try {
        for await (const event of response === undefined
          ? []
          : readStream(response, (ms) => (retryMs = ms))) {
          lastId = event.id ?? lastId
          if (isMessage(event)) await take(event.data, message)
          fruitless = 0
          if (!awaits(message)) return
        }
      } catch (error) {
        if (signal.aborted || error instanceof Fault) throw error
        log(`the stream of ${message.method ?? message.kind} broke`)
      }
      if (!awaits(message)) return
      if (lastId === undefined) break
      await clock.sleep(Math.min(retryMs, MAX_RETRY_MS), signal)
      response = await get(lastId, signal)
    }
    throw new Fault('unreachable', 'the connection to the server ended before its response', {
      hint: 'try again; the server may have received the request',
    })
  }

  /** What the server sends unasked. Most servers have no such stream (405), and nothing is missing then. */
  async function listen(): Promise<void> {
    const { signal } = closed
    let lastId: string | undefined
    let waitMs = RETRY_MS
    try {
      for (;;) {
        const response = await get(lastId, signal).catch(() => (signal.aborted ? undefined : null))
        if (response === undefined) return
        let retryMs: number | undefined
        try {
          for await (const event of response === null ? [] : readStream(response, (ms) => (retryMs = ms))) {
            lastId = event.id ?? lastId
            if (isMessage(event)) await take(event.data)
            waitMs = RETRY_MS
          }
        } catch {
          if (signal.aborted) return
        }
        await clock.sleep(Math.min(retryMs ?? waitMs, MAX_RETRY_MS), signal)
        waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)
      }
    } finally {
      listening = false
    }
  }

  return {
    send: async (message, signal) => {
      const response = await post(message, signal)
      if (message.method === 'initialize') sessionId = response.headers.get('mcp-session-id') ?? undefined
      if (message.method === 'notifications/initialized' && !listening) {
        listening = true
        void listen().catch(() => {})
      }
      if (typeOf(response) === EVENTS_TYPE) return follow(response, message, signal)
      const text = response.status === 202 ? (await response.body?.cancel(), '') : await bodyOf(response)
      if (message.ids.length === 0) return
      await take(text, message)
      if (awaits(message))
        throw new Fault('server_error', 'the server responded with something else than MCP')
    },
    close: async (signal) => {
      closed.abort(new Error('the session is over'))
      if (sessionId === undefined) return
      try {
        const response = await request(fetch, url, { method: 'DELETE', headers: headersOf(), signal })
        await response.body?.cancel()
      } catch {
        // It forgets the session by itself some day.
      }
    },
  }
}

/** An event may be there for its ID alone. */
function isMessage({ type, data }: StreamEvent): boolean {
  return type === 'message' && data !== ''
}

/**
 * Owns: one host on standard input and output, and one remote server: every message goes from one to the other, and
 * every request gets one response.
 * Refuses: to change a message. What is read of it (`messages/`) is what headers, sessions and errors need.
 */
import { errorOfFailure, METHOD_NOT_FOUND, wordsOfFailure } from './messages/error-of-failure.ts'
import { type HostMessage, type Id, parseHostMessage, revisionOf } from './messages/host-message.ts'
import { readMessageLines } from './messages/read-message-lines.ts'
import { errorLine, parseServerMessage, type ServerMessage } from './messages/server-message.ts'
import { keyOf, pendingRequests } from './pending-requests.ts'
import type { DuringLogin } from './respond-during-login.ts'
import { sessionHandshake } from './session-handshake.ts'
import { chooseTransport } from './transport/choose-transport.ts'
import { HttpRefusal, type RemoteOptions, SessionLost } from './transport/remote-interface.ts'

export interface ProxyOptions extends Pick<RemoteOptions, 'url' | 'fetch' | 'headers' | 'clock' | 'log'> {
  input: AsyncIterable<Uint8Array>
  /** Resolves when the host has taken it. @throws where nobody reads any more */
  write(text: string): Promise<void>
  /** What the host gets while a login waits for a person; undefined where there are no logins. */
  duringLogin?: DuringLogin
  /** Ends the proxy, as the end of the input does. */
  signal: AbortSignal
}

/** How many requests are on their way at once; more are read when one of them has its response. */
const MAX_AT_ONCE = 128
/** For the responses that are on their way when the host ends the input, and for the end of the session. */
const DRAIN_MS = 1000
const CLOSE_MS = 500

/** Runs until the host ends the input, or `signal`. Never throws for what the server does. */
export async function runProxy(options: ProxyOptions): Promise<void> {
  const { url, clock, log, duringLogin } = options
  const over = new AbortController()
  const life = AbortSignal.any([options.signal, over.signal])
  const pending = pendingRequests()
  /** The requests on their way, by the key of their IDs. */
  const exchanges = new Map<string, { message: HostMessage; stop: AbortController; done: Promise<void> }>()
  const remote = chooseTransport({ ...options, deliver, awaits: pending.awaits })
  const session = sessionHandshake(remote, { pending, signal: life, log })
  let notified: Promise<unknown> = Promise.resolve()

  async function write(line: string): Promise<void> {
    try {
      await options.write(`${line}\n`)
    } catch (error) {
      over.abort(new Error('the host does not read any more'))
      throw error
    }
  }

  async function deliver(text: string): Promise<ServerMessage | undefined> {
    const message = parseServerMessage(text)
    if (message === undefined) {
      log('dropped what the server sent: it is not JSON-RPC')
      return undefined
    }
    const isResponse = message.responds.length > 0
    if (!isResponse || pending.settle(message.responds)) await write(message.line)
    return message
  }

  async function send(message: HostMessage, signal: AbortSignal): Promise<void> {
    const isModern = revisionOf(message) !== undefined
    for (let again = false; ; again = true) {
      const mark = isModern ? undefined : await session.ready()
      try {
        return await remote.send(message, signal)
      } catch (error) {
        if (!(error instanceof SessionLost) || mark === undefined || again) throw error
        log('the server does not know the session any more: it is opened again')
        session.lost(mark)
      }
    }
  }

  async function fail(ids: readonly Id[], line: (id: Id) => string): Promise<void> {
    for (const id of ids) if (pending.settle([id])) await write(line(id))
  }

  /** Responds in the place of the server where a login takes longer than the host should wait. */
  async function respondEarly(message: HostMessage, signal: AbortSignal): Promise<void> {
    const [id] = message.ids
    if (duringLogin === undefined || id === undefined) return
    const line = await duringLogin.respond(message, id, signal)
    if (signal.aborted || !pending.isForHost(id)) return
    pending.respondedByProxy(id)
    await write(line)
    const notice = await duringLogin.notice()
    if (notice !== undefined && !life.aborted) await write(notice)
  }

  /** The server can be asked now: the host reads again what it has from the proxy. */
  async function announceChanges(): Promise<void> {
    for (const line of duringLogin?.changedLists() ?? []) await write(line)
  }

  /** A request and what comes of it. */
  function exchange(message: HostMessage, work: (signal: AbortSignal) => Promise<void>): void {
    const stop = new AbortController()
    const key = message.ids.map(keyOf).join()
    pending.add(message.ids)
    const early = new AbortController()
    respondEarly(message, AbortSignal.any([life, stop.signal, early.signal])).catch(() => {})
    const done = work(AbortSignal.any([life, stop.signal]))
      .then(announceChanges)
      .catch(async (error: unknown) => {
        if (stop.signal.aborted || life.aborted) {
          pending.settle(message.ids)
          return
        }
        log(`${message.method ?? message.kind}: ${wordsOfFailure(error, url)}`)
        await fail(message.ids, (id) => errorLineFor(message, error, id, url))
      })
      .catch(() => {})
      .finally(() => {
        early.abort(new Error('responded'))
        exchanges.delete(key)
      })
    exchanges.set(key, { message, stop, done })
  }

  /** The server is told before the request is left; one of revision 2026-07-28 knows it by that (SEP-2575). */
  async function cancel(message: HostMessage): Promise<void> {
    const { requestId } = message.params
    const key = typeof requestId === 'string' || typeof requestId === 'number' ? keyOf(requestId) : ''
    const found = exchanges.get(key)
    if (found === undefined) return
    if (revisionOf(found.message) === undefined) await send(message, life).catch(() => {})
    found.stop.abort(new Error('cancelled by the host'))
  }

  function notify(message: HostMessage): void {
    const work = () => {
      if (message.method === 'notifications/cancelled') return cancel(message)
      if (message.method === 'notifications/initialized') return session.initialized()
      return send(message, life)
    }
    const name = message.method ?? message.kind
    notified = notified.then(work).catch((error: unknown) => log(`${name}: ${wordsOfFailure(error, url)}`))
  }

  async function take(message: HostMessage): Promise<void> {
    if (message.ids.length === 0) return notify(message)
    while (exchanges.size >= MAX_AT_ONCE) await Promise.race([...exchanges.values()].map(({ done }) => done))
    if (message.method === 'initialize') exchange(message, () => session.open(message))
    else exchange(message, (signal) => send(message, signal))
  }

  async function readHost(): Promise<void> {
    for await (const line of readMessageLines(options.input)) {
      const message = line.kind === 'line' ? parseHostMessage(line.text) : undefined
      if (message !== undefined) await take(message)
      else await write(errorLine(null, { code: -32_700, message: notUnderstood(line.kind) }))
    }
    await Promise.race([
      Promise.all([notified, ...[...exchanges.values()].map(({ done }) => done)]),
      clock.sleep(DRAIN_MS, life),
    ])
  }

  const ended = new Promise<void>((resolve) => {
    if (life.aborted) resolve()
    else life.addEventListener('abort', () => resolve(), { once: true })
  })
  await Promise.race([readHost().catch(() => {}), ended])
  over.abort(new Error('the proxy ends'))
  const closing = AbortSignal.timeout(CLOSE_MS)
  await Promise.race([remote.close(closing), clock.sleep(CLOSE_MS)])
}

/** To a server that does not know it, `server/discover` is any other method: hosts then send `initialize`. */
function errorLineFor({ method }: HostMessage, error: unknown, id: Id, url: string): string {
  const isUnknown = error instanceof HttpRefusal && error.status < 500 && error.status !== 401
  if (method !== 'server/discover' || !isUnknown) return errorOfFailure(error, id, url)
  return errorLine(id, { code: METHOD_NOT_FOUND, message: 'the server does not know server/discover' })
}

function notUnderstood(kind: 'line' | 'too-long'): string {
  return kind === 'line' ? 'the line is not a message of JSON-RPC' : 'the message is larger than 64 MiB'
}

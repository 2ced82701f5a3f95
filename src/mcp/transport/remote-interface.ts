/**
 * Owns: how messages reach a remote server and come back from it: Streamable HTTP, and HTTP with SSE for old servers.
 * Refuses: to know of logins, which are in the `fetch` that it is given, and of the host, who is behind `deliver`.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import type { HostMessage } from '../messages/host-message.ts'
import type { ServerMessage } from '../messages/server-message.ts'

/** The way to one server. */
export interface Remote {
  /**
   * Sends one message. Resolves when its exchange is over: all that came with it is delivered.
   * @throws HttpRefusal; SessionLost; Fault `unreachable` or `server_error`; what `fetch` throws
   */
  send(message: HostMessage, signal: AbortSignal): Promise<void>
  /** Ends what is open, and tells the server that its session is over. Never throws. */
  close(signal: AbortSignal): Promise<void>
}

export interface RemoteOptions {
  url: string
  fetch: Fetch
  /** Of the user, in every request. */
  headers: Readonly<Record<string, string>>
  clock: Clock
  /** Passes a message on to the host. @returns it parsed; undefined where it is none and was dropped */
  deliver(text: string): Promise<ServerMessage | undefined>
  /** Whether a response to the message has yet to come. */
  awaits(message: HostMessage): boolean
  log(line: string): void
}

/** The server responded with an error of HTTP; `body` is the beginning of what it said. */
export class HttpRefusal extends Error {
  readonly status: number
  readonly body: string

  constructor(status: number, body: string) {
    super(`the server responded with ${status}`)
    this.name = 'HttpRefusal'
    this.status = status
    this.body = body
  }
}

/** The server does not know the session any more: it has to be initialized again. */
export class SessionLost extends Error {
  constructor() {
    super('the server does not know the session any more')
    this.name = 'SessionLost'
  }
}

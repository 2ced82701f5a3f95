/**
 * The beginning of a session with a server of a revision before 2026-07-28. It is repeated where the server has
 * forgotten the session, or where a login has come too late for the first one: the host sends `initialize` once.
 */
import { type HostMessage, ownMessage } from './messages/host-message.ts'
import type { PendingRequests } from './pending-requests.ts'
import type { Remote } from './transport/remote-interface.ts'

/** One session; another one takes its place when it is lost. */
interface SessionMark {
  /** Resolves when the server has responded to `initialize`. */
  opened: Promise<void>
}

export interface SessionHandshake {
  /** Sends the `initialize` of the host. @throws what `Remote.send` does */
  open(initialize: HostMessage): Promise<void>
  /** The host has sent `notifications/initialized`. */
  initialized(): Promise<void>
  /** Waits for the session, which is opened anew where it has to be; undefined where the host has asked for none. */
  ready(): Promise<SessionMark | undefined>
  /** The server does not know this session any more. */
  lost(session: SessionMark): void
}

export function sessionHandshake(
  remote: Remote,
  { pending, signal, log }: { pending: PendingRequests; signal: AbortSignal; log: (line: string) => void },
): SessionHandshake {
  let initialize: HostMessage | undefined
  let hostIsReady = false
  let current: SessionMark | undefined
  let told: Promise<void> | undefined
  let replays = 0

  async function begin(message: HostMessage): Promise<void> {
    told = undefined
    await remote.send(message, signal)
    if (hostIsReady) await tell()
  }

  /** Once in a session. Nothing depends on what the server says to it. */
  function tell(): Promise<void> {
    told ??= remote
      .send(ownMessage('notifications/initialized', {}), signal)
      .catch(() => log('the server did not take notifications/initialized'))
    return told
  }

  function opened(message: HostMessage): SessionMark {
    const session = { opened: begin(message) }
    current = session
    session.opened.catch(() => {
      if (current === session) current = undefined
    })
    return session
  }

  function replay(message: HostMessage): SessionMark {
    replays += 1
    const again = ownMessage('initialize', message.params, `fob-initialize-${replays}`)
    pending.add(again.ids, 'proxy')
    return opened(again)
  }

  return {
    open: (message) => {
      initialize = message
      return opened(message).opened
    },
    initialized: async () => {
      hostIsReady = true
      if (current === undefined) return
      await current.opened
      await tell()
    },
    ready: async () => {
      if (initialize === undefined) return undefined
      const session = current ?? replay(initialize)
      await session.opened
      await told
      return session
    },
    lost: (session) => {
      if (current === session) current = undefined
    },
  }
}

/** The transport of a server: Streamable HTTP, unless what it responds to `initialize` says that it is an old one. */
import { openHttpWithSse } from './http-with-sse.ts'
import { HttpRefusal, type Remote, type RemoteOptions, SessionLost } from './remote-interface.ts'
import { streamableHttp } from './streamable-http.ts'

/** What servers of revision 2024-11-05 respond to a POST at the address of their stream. */
const MAY_BE_OLD: ReadonlySet<number> = new Set([400, 404, 405, 406, 410, 415, 501])

/** A server that was found to be an old one stays one; its stream is opened anew with each `initialize`. */
export function chooseTransport(options: RemoteOptions): Remote {
  const streamable = streamableHttp(options)
  let old: Remote | undefined
  let isOld = false

  async function initializeOld(
    send: (remote: Remote) => Promise<void>,
    signal: AbortSignal,
  ): Promise<boolean> {
    await old?.close(signal)
    old = await openHttpWithSse(options, signal)
    if (old === undefined) return false
    if (!isOld) options.log('the server speaks HTTP with SSE (2024-11-05)')
    isOld = true
    await send(old)
    return true
  }

  return {
    send: async (message, signal) => {
      const send = (remote: Remote) => remote.send(message, signal)
      if (message.method !== 'initialize') {
        if (!isOld) return send(streamable)
        if (old === undefined) throw new SessionLost()
        return send(old)
      }
      if (isOld) {
        if (await initializeOld(send, signal)) return
        throw new SessionLost()
      }
      try {
        await send(streamable)
      } catch (error) {
        if (!(error instanceof HttpRefusal) || !MAY_BE_OLD.has(error.status)) throw error
        if (!(await initializeOld(send, signal))) throw error
      }
    },
    close: async (signal) => {
      await Promise.all([streamable.close(signal), old?.close(signal)])
    },
  }
}

/** A host of the proxy, in this process: what it says and what it hears, line by line. */
import { runProxy, type ProxyOptions } from '../../../src/mcp/proxy.ts'
import { systemClock } from '../../../src/platform/clock.ts'

interface Heard {
  id?: string | number | null
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { code: number; message: string; data?: Record<string, unknown> }
}

export interface ProxyHost {
  say(message: object): void
  /** The text as it is, without a line end. */
  sayText(text: string): void
  /** The next message that fits, also one that has come before; each is given once. */
  hears(fits: (message: Heard) => boolean): Promise<Heard>
  /** Sends a request and waits for its response. */
  request(method: string, params?: object, id?: string | number): Promise<Heard>
  /** `initialize` and `notifications/initialized`. */
  initialize(revision?: string): Promise<Heard>
  /** All lines so far. */
  lines: string[]
  log: string[]
  /** Ends the input and waits for the proxy. */
  end(): Promise<void>
  /** Ends the proxy by its signal. */
  interrupt(): Promise<void>
}

/** Starts a proxy for `url`. */
export function hostOf(url: string, options: Partial<ProxyOptions> = {}): ProxyHost {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const lines: string[] = []
  const log: string[] = []
  const unheard: Heard[] = []
  let more = Promise.withResolvers<void>()
  const abort = new AbortController()
  const done = runProxy({
    url,
    fetch,
    headers: {},
    clock: systemClock,
    log: (line) => log.push(line),
    signal: abort.signal,
    input: readable,
    write: async (text) => {
      lines.push(text)
      unheard.push(JSON.parse(text) as Heard)
      more.resolve()
      more = Promise.withResolvers()
    },
    ...options,
  })
  let ids = 0
  const sayText = (text: string) => void writer.write(Buffer.from(`${text}\n`)).catch(() => {})
  const say = (message: object) => sayText(JSON.stringify({ jsonrpc: '2.0', ...message }))
  const hears: ProxyHost['hears'] = async (fits) => {
    for (;;) {
      const at = unheard.findIndex(fits)
      const [found] = at === -1 ? [] : unheard.splice(at, 1)
      if (found !== undefined) return found
      await more.promise
    }
  }
  const request: ProxyHost['request'] = (method, params = {}, id = ++ids) => {
    say({ id, method, params })
    return hears((message) => message.method === undefined && message.id === id)
  }
  return {
    say,
    sayText,
    hears,
    request,
    initialize: async (revision = '2025-11-25') => {
      const clientInfo = { name: 'a-host', version: '1' }
      const response = await request('initialize', {
        protocolVersion: revision,
        capabilities: {},
        clientInfo,
      })
      say({ method: 'notifications/initialized' })
      return response
    },
    lines,
    log,
    end: async () => {
      await writer.close().catch(() => {})
      await done
    },
    interrupt: async () => {
      abort.abort(new Error('interrupted'))
      await done
    },
  }
}

/** The listening port: taken at once, with 503 for every request until the app is attached. */
import { randomUUIDv7 } from 'bun'
import { Fault } from '../contract/fault.ts'
import type { App } from './http/handle-request.ts'
import type { Peers } from './http/request-context.ts'
import { failedResponse, startingResponse } from './http/response/startup-and-failure-responses.ts'
import { type Log, logDefect } from './log.ts'

/** How long a shutdown waits for open responses. */
const DRAIN_MS = 2000

export interface Listener {
  server: Bun.Server<undefined>
  url: string
  peers: Omit<Peers, 'held'>
  attach(app: App): void
}

export interface ListenOptions {
  hostname: string
  /** 0: any that is free. */
  port: number
  /** The address that browsers use, where it is another one than where we listen. */
  publicUrl: string | undefined
  log: Log
}

/**
 * Takes the port at once and responds with 503 until the app is attached.
 * @throws Fault `config` where the address cannot be taken
 */
export function listen({ hostname, port, publicUrl, log }: ListenOptions): Listener {
  const tls = publicUrl?.startsWith('https:') === true
  let app: App | undefined
  let server: Bun.Server<undefined>
  const peers: Listener['peers'] = {
    addressOf: (request) => server.requestIP(request)?.address ?? '',
    keepOpen: (request) => server.timeout(request, 0),
  }
  try {
    server = Bun.serve({
      hostname,
      port,
      // Ours are in the table of routes, with a JSON response; this one only ends requests that nobody reads.
      maxRequestBodySize: 32 * 1024 * 1024,
      fetch(request) {
        return app === undefined ? startingResponse(request, tls) : app.fetch(request)
      },
      error(error) {
        const requestId = randomUUIDv7()
        logDefect(log, error, requestId)
        return failedResponse(requestId, tls)
      },
    })
  } catch (error) {
    throw new Fault('config', `cannot listen on ${hostname}:${port}: ${listenFailure(error)}`, {
      hint: 'choose another one with --listen HOST:PORT',
      cause: error,
    })
  }
  const name = hostname === '0.0.0.0' || hostname === '::' ? 'localhost' : hostname
  return {
    server,
    peers,
    url: `http://${name.includes(':') ? `[${name}]` : name}:${server.port}`,
    attach(ready) {
      app = ready
    },
  }
}

/** Lets open responses finish (the last events of a run among them), but not for long. */
export async function stopListening(server: Bun.Server<undefined>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DRAIN_MS)
  })
  await Promise.race([server.stop(false), enough])
  clearTimeout(timer)
  await server.stop(true)
}

function listenFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return 'another program has that port'
  if (code === 'EACCES') return 'this user may not use that port'
  return 'the address is not one of this machine'
}

import { timingSafeEqual } from 'node:crypto'
import { PAGE_HEADERS, renderPage } from './callback-page.ts'
import { safeLine } from '../terminal/printable-text.ts'

/**
 * The one-shot listener that catches an OAuth callback (S202 to S207; RFC 8252 §7.3). On 127.0.0.1 only.
 * Any page in any browser tab can send requests here, so nothing but the right `state` ends the wait.
 */

const MAX_URL_LENGTH = 8192
/** How long the browser may wait for the exchange before the connection is given up. */
const ANSWER_SECONDS = 120

/** What the browser is told once the login has ended. `message` is shown as text. */
export type Outcome = { ok: true } | { ok: false; message: string }

export interface LoopbackListener {
  redirectUri: string
  /** The callback's URL, once, when it carries the right `state` and either a `code` or an `error`. */
  callback: Promise<URL>
  /** Answers the browser that is waiting, then closes the listener. More than one call does no harm. */
  close(outcome: Outcome): Promise<void>
}

/**
 * Listens on the first free port of `ports`.
 * @param state of the one login whose callback is accepted.
 * @returns undefined when no port is free.
 */
export function listenForCallback(
  state: string,
  { ports, path }: { ports: readonly number[]; path: string },
): LoopbackListener | undefined {
  const callback = Promise.withResolvers<URL>()
  const outcome = Promise.withResolvers<Outcome>()
  let taken = false

  const answer = async (request: Request, server: Bun.Server<undefined>): Promise<Response> => {
    const refusal = refuse(request, { state, path })
    if (refusal !== undefined) return refusal
    if (taken)
      return page(200, 'This login has its answer', 'You can close this tab and return to your terminal.')
    taken = true
    // Bun hangs up on a silent connection after 10 seconds, and the exchange may take longer.
    server.timeout(request, ANSWER_SECONDS)
    callback.resolve(new URL(request.url))
    const result = await outcome.promise
    return result.ok
      ? page(200, '✓ Logged in — return to your terminal', 'You can close this tab.')
      : page(400, 'The login did not work', safeLine(result.message))
  }

  const server = firstFree(ports, answer)
  if (server === undefined) return undefined
  return {
    redirectUri: `http://127.0.0.1:${server.port}${path}`,
    callback: callback.promise,
    close: async (result) => {
      outcome.resolve(result)
      await stop(server)
    },
  }
}

type Handler = (request: Request, server: Bun.Server<undefined>) => Promise<Response>

function firstFree(ports: readonly number[], handler: Handler): Bun.Server<undefined> | undefined {
  for (const port of ports) {
    try {
      return Bun.serve({
        hostname: '127.0.0.1',
        port,
        fetch: handler,
        error: () => page(400, 'Bad request', ''),
      })
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
    }
  }
  return undefined
}

/** The answer to everything that is not the callback of this login; undefined when it is. */
function refuse(request: Request, { state, path }: { state: string; path: string }): Response | undefined {
  if (request.url.length > MAX_URL_LENGTH) return page(414, 'The address is too long', '')
  const url = new URL(request.url)
  if (url.pathname !== path) return page(404, 'Not found', '')
  // A HEAD or a preflight must not use up the code.
  if (request.method !== 'GET') return new Response(null, { status: 405, headers: { allow: 'GET' } })
  // A name that an attacker rebinds to 127.0.0.1 is not the address we gave out.
  if (!/^127\.0\.0\.1(:\d+)?$/.test(request.headers.get('host') ?? '')) return page(400, 'Wrong address', '')
  const query = url.searchParams
  // RFC 6749 §3.1: parameters must not be included more than once.
  const once = ['state', 'code', 'error', 'iss'].every((name) => query.getAll(name).length <= 1)
  if (!once || !sameText(query.get('state') ?? '', state) || (!query.has('code') && !query.has('error'))) {
    return page(
      400,
      'This is not the answer to the login that is waiting',
      'Use the link from your terminal.',
    )
  }
  return undefined
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}

function page(status: number, heading: string, text: string): Response {
  return new Response(renderPage(heading, text), { status, headers: PAGE_HEADERS })
}

/** Lets answers that are on their way go out, but waits for no connection that merely stays open. */
async function stop(server: Bun.Server<undefined>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 500)
  })
  await Promise.race([server.stop(false), patience])
  clearTimeout(timer)
  await server.stop(true)
}

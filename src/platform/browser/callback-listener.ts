/** The listener that receives one OAuth callback on this machine (RFC 8252 §7.3). */
import { timingSafeEqual } from 'node:crypto'
import { PAGE_HEADERS, renderPage } from './callback-page.ts'
import { safeLine } from '../terminal/make-text-printable.ts'

const MAX_URL_LENGTH = 8192
/** How long the browser waits for the outcome of the login before its connection is closed. */
const RESPONSE_SECONDS = 120

/** What the browser is told once the login has ended. `message` is shown as text. */
export type Outcome = { ok: true } | { ok: false; message: string }

export interface LoopbackListener {
  redirectUri: string
  /** The callback's URL, once, when it carries the right `state` and either a `code` or an `error`. */
  callback: Promise<URL>
  /**
   * An error without any `state`, once: league/oauth2-server 8 sends such. Any page could have sent it, so it proves
   * nothing; the listener continues to wait.
   */
  unverified: Promise<URL>
  /** Responds to the browser that is waiting, then closes the listener. Further calls do nothing. */
  close(outcome: Outcome): Promise<void>
}

/**
 * Listens on 127.0.0.1, on the first free port of `ports`. Any page in any browser tab can send requests there, so
 * nothing but the right `state` ends the wait.
 * @param state the `state` of the login whose callback is accepted
 * @returns undefined when no port is free
 */
export function listenForCallback(
  state: string,
  { ports, path }: { ports: readonly number[]; path: string },
): LoopbackListener | undefined {
  const callback = Promise.withResolvers<URL>()
  const unverified = Promise.withResolvers<URL>()
  const outcome = Promise.withResolvers<Outcome>()
  let taken = false

  const respond = async (request: Request, server: Bun.Server<undefined>): Promise<Response> => {
    const refusal = refuse(request, { state, path, unverified: unverified.resolve })
    if (refusal !== undefined) return refusal
    if (taken)
      return page(
        200,
        'This login has its response already',
        'You can close this tab and return to your terminal.',
      )
    taken = true
    // Bun hangs up on a silent connection after 10 seconds, and the exchange may take longer.
    server.timeout(request, RESPONSE_SECONDS)
    callback.resolve(new URL(request.url))
    const result = await outcome.promise
    return result.ok
      ? page(200, '✓ Logged in — return to your terminal', 'You can close this tab.')
      : page(400, 'The login did not work', safeLine(result.message))
  }

  const server = firstFree(ports, respond)
  if (server === undefined) return undefined
  return {
    redirectUri: `http://127.0.0.1:${server.port}${path}`,
    callback: callback.promise,
    unverified: unverified.promise,
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

interface Wanted {
  state: string
  path: string
  /** Is told of an error that has no `state`. */
  unverified: (url: URL) => void
}

/** The response to a request that is not the callback of this login; undefined for the callback. */
function refuse(request: Request, { state, path, unverified }: Wanted): Response | undefined {
  if (request.url.length > MAX_URL_LENGTH) return page(414, 'The address is too long', '')
  const url = new URL(request.url)
  if (url.pathname !== path) return page(404, 'Not found', '')
  // A HEAD or a preflight must not use up the code.
  if (request.method !== 'GET') return new Response(null, { status: 405, headers: { allow: 'GET' } })
  // A name that an attacker rebinds to 127.0.0.1 is not the address of our redirect URI.
  if (!/^127\.0\.0\.1(:\d+)?$/.test(request.headers.get('host') ?? '')) return page(400, 'Wrong address', '')
  const query = url.searchParams
  // RFC 6749 §3.1: parameters must not be included more than once.
  const once = ['state', 'code', 'error', 'iss'].every((name) => query.getAll(name).length <= 1)
  if (once && isErrorWithoutState(request, query)) {
    unverified(url)
    return page(400, 'The login did not work', 'Your terminal says more.')
  }
  if (!once || !sameText(query.get('state') ?? '', state) || (!query.has('code') && !query.has('error'))) {
    return page(
      400,
      'This is not the response to the login that is waiting',
      'Use the link from your terminal.',
    )
  }
  return undefined
}

/** Where the browser says how it came here, it is a person's navigation, and no picture or script of a page. */
function isErrorWithoutState({ headers }: Request, query: URLSearchParams): boolean {
  const navigates = (headers.get('sec-fetch-mode') ?? 'navigate') === 'navigate'
  return navigates && !query.has('state') && !query.has('code') && (query.get('error') ?? '') !== ''
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}

function page(status: number, heading: string, text: string): Response {
  return new Response(renderPage(heading, text), { status, headers: PAGE_HEADERS })
}

/** Lets responses that are being sent finish, but does not wait for idle connections. */
async function stop(server: Bun.Server<undefined>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 500)
  })
  await Promise.race([server.stop(false), patience])
  clearTimeout(timer)
  await server.stop(true)
}

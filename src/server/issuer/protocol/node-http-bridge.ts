/** A bridge from requests of `fetch` to a node:http handler. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { CarriedInteractions } from '../sessions/unanswered-interactions-in-cookies.ts'
import type { CookieJar } from '../sessions/encrypted-oidc-provider-cookies.ts'

/** What the provider may see of a request. Forwarding headers are not in it: the settings say who we are. */
const PASSED_ON = [
  'accept',
  'access-control-request-headers',
  'access-control-request-method',
  'authorization',
  'content-type',
  'origin',
  'user-agent',
] as const

/** Set by us, or about a connection that does not exist here. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'set-cookie',
  'transfer-encoding',
])

const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304])

export interface Bridge {
  /** Lets the provider respond. @param body the request's body, already read and bounded. */
  respond(
    request: Request,
    target: URL,
    body: Buffer,
    /** The peer's address, and headers of ours. */
    from: { address: string; headers?: Readonly<Record<string, string>> },
  ): Promise<Response>
  /** Runs `act` with a node request that carries the browser's cookies, for the provider's own methods. */
  withCookies<T>(
    cookieHeader: string | null,
    act: (req: IncomingMessage, res: ServerResponse) => Promise<T>,
  ): Promise<{ value: T; setCookies: string[] }>
}

/**
 * Feeds a node:http handler from a `fetch` handler, in-process, on no socket.
 * @param base our public URL: the provider hears its host and scheme, whatever the caller claims.
 */
export async function openBridge(deps: {
  handler: RequestListener
  base: URL
  jar: CookieJar
  carried: CarriedInteractions
}): Promise<Bridge> {
  const { default: inject } = await import('light-my-request')
  const { handler, base, jar, carried } = deps
  const ours = { host: base.host, 'x-forwarded-proto': base.protocol.slice(0, -1) }
  const setCookies = (header: number | string | string[] | undefined): string[] =>
    (Array.isArray(header) ? header : header === undefined ? [] : [String(header)]).map((line) =>
      jar.toBrowser(line),
    )

  const respond: Bridge['respond'] = async (request, target, body, from) => {
    const headers: Record<string, string> = {
      ...ours,
      ...(from.address === '' ? {} : { 'x-forwarded-for': from.address }),
      ...from.headers,
      cookie: jar.toProvider(request.headers.get('cookie')),
    }
    for (const name of PASSED_ON) {
      const value = request.headers.get(name)
      if (value !== null) headers[name] = value
    }
    const response = await inject(handler, {
      // So that there is a body, which its readers need and whose length belongs to the response; Bun leaves it out.
      method: request.method === 'HEAD' ? 'GET' : request.method,
      url: target.pathname + target.search,
      headers,
      ...(body.length > 0 ? { payload: body } : {}),
    })
    const out = new Headers()
    for (const [name, value] of Object.entries(response.headers)) {
      if (value !== undefined && !LEFT_OUT.has(name)) out.set(name, String(value))
    }
    for (const cookie of setCookies(response.headers['set-cookie'])) out.append('set-cookie', cookie)
    const empty = NO_BODY.has(response.statusCode)
    return new Response(empty ? null : new Uint8Array(response.rawPayload), {
      status: response.statusCode,
      headers: out,
    })
  }

  async function withCookies<T>(
    cookieHeader: string | null,
    act: (req: IncomingMessage, res: ServerResponse) => Promise<T>,
  ) {
    let settled: Promise<[PromiseSettledResult<T>]> | undefined
    const run: RequestListener = (req, res) => {
      settled = Promise.allSettled([act(req, res)]).finally(() => res.end())
    }
    const headers = { ...ours, cookie: jar.toProvider(cookieHeader) }
    const response = await inject(run, { method: 'GET', url: '/', headers })
    const [outcome] = (await settled) ?? []
    if (outcome?.status !== 'fulfilled') throw outcome?.reason
    return { value: outcome.value, setCookies: setCookies(response.headers['set-cookie']) }
  }

  return {
    respond: (...args) => carried.during(() => respond(...args)),
    withCookies: (cookieHeader, act) => carried.during(() => withCookies(cookieHeader, act)),
  }
}

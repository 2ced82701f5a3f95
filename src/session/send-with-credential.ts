/** Sends one request with the credential: over private ways only, on one origin, and again where a new token helps. */
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import { isLoopbackHost } from '../platform/network/is-loopback-host.ts'
import type { Secret } from '../redact/secret.ts'
import { lost } from './lost-responses-to-faults.ts'
import { requestLine, responseLine } from './trace-requests-for-debug.ts'

export interface SendOptions {
  tenant: string | undefined
  /** The `Authorization` header, asked for before every call. */
  authorization: () => Promise<Secret | undefined>
  /** Another header when the server refuses this one, and not for another reason: the call is then repeated. */
  renewed?: (refused: Secret) => Promise<Secret | undefined>
  /** How to send with a header whose token is bound to a key (RFC 9449); undefined for any other header. */
  proving?: (authorization: Secret) => Promise<Fetch | undefined>
  /** Whether requests with a `ci_` token are signed. */
  sign: boolean
  version: string
  clock: Clock
  fetch: Fetch
  /** Send credentials over http to other machines as well (`FOB_INSECURE_HTTP=1`). */
  insecureHttp: boolean
  /** Takes one line per request and response, without secrets. */
  debug: (line: string) => void
}

const MAX_REDIRECTS = 3

export interface Call {
  method: string
  url: URL
  /** JSON, as it is sent. */
  body?: string
  headers: Record<string, string>
  signal: AbortSignal
}

/** The response, and the headers that it could repeat. */
export interface Exchanged {
  response: Response
  presented: Secret[]
}

/** @returns sends a call; rejected with a fault, an aborted signal's reason, or what broke the connection */
export function openSender(options: SendOptions): (call: Call) => Promise<Exchanged> {
  const { debug } = options
  /** A renewed token was refused as the old one was: that is not for its age, unless the server says so. */
  let renewingHelps = true
  return async (call) => {
    const authorization = await options.authorization()
    const headers: Record<string, string> = present({
      'user-agent': `fob/${options.version}`,
      'x-tenant': options.tenant,
      'content-type': call.body === undefined ? undefined : 'application/json',
      ...call.headers,
    })
    debug(requestLine(call.method, call.url))
    const response = await follow({ ...call, headers }, authorization, options)
    debug(responseLine(response))
    if (authorization === undefined) return { response, presented: [] }
    const renewed = mayHaveEnded(response, renewingHelps) ? await options.renewed?.(authorization) : undefined
    if (renewed === undefined) return { response, presented: [authorization] }
    await response.body?.cancel()
    debug('the token was refused before its time; the call is repeated with a new one')
    const second = await follow({ ...call, headers }, renewed, options)
    debug(responseLine(second))
    if (second.status === 401) renewingHelps = false
    return { response: second, presented: [authorization, renewed] }
  }
}

/**
 * `fetch` would carry the credential along wherever a redirect points. Ours stays on one origin, and a body
 * is sent once.
 */
async function follow(
  call: Call,
  authorization: Secret | undefined,
  { fetch, proving, insecureHttp, sign, clock }: SendOptions,
): Promise<Response> {
  if (authorization !== undefined && !insecureHttp) requirePrivate(call.url)
  let { url } = call
  const send = (authorization && (await proving?.(authorization))) ?? fetch
  const signing = sign ? await import('./sign-request.ts') : undefined
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    call.signal.throwIfAborted()
    const response = await send(url.href, {
      method: call.method,
      headers: present({
        ...call.headers,
        ...signing?.signatureHeaders({ ...call, url }, authorization, clock.now()),
        authorization: authorization?.reveal(),
      }),
      ...present({ body: call.body }),
      redirect: 'manual',
      signal: call.signal,
    }).catch(lost)
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null) return response
    await response.body?.cancel()
    const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined
    if (next?.origin !== url.origin || call.method !== 'GET') throw movedAway(url, next, response.status)
    url = next
  }
  throw new Fault('server_error', `${url.origin} redirects in a circle`)
}

/** A credential goes over https, or stays on this machine. */
function requirePrivate(url: URL): void {
  if (url.protocol === 'https:' || isLoopbackHost(url.hostname)) return
  throw new Fault('config', `${url.origin} would be sent your credential in the clear`, {
    hint: 'use https; if every machine on the way is yours, set FOB_INSECURE_HTTP=1',
  })
}

/**
 * Whether a token was refused that is expired, revoked or malformed (RFC 6750 §3.1): where the server says so, or gives
 * no reason, as Laravel Passport does.
 */
function mayHaveEnded(response: Response, unlessSaid: boolean): boolean {
  if (response.status !== 401) return false
  const reason = /\berror="?(\w+)/i.exec(response.headers.get('www-authenticate') ?? '')?.[1]
  return reason === undefined ? unlessSaid : reason.toLowerCase() === 'invalid_token'
}

function movedAway(from: URL, to: URL | undefined, status: number): Fault {
  const elsewhere = to !== undefined && to.origin !== 'null' && to.origin !== from.origin
  return new Fault('server_error', `${from.origin} redirects, and a credential must not follow`, {
    hint: elsewhere ? `if you trust it, name the other server: -s ${to.origin}` : undefined,
    status,
  })
}

/** Calls to a server's API, with the credential, the tenant, a deadline, and faults for every refusal. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import { parseJson } from '../platform/parse-json.ts'
import { cannotReach, reasonOf } from '../platform/network/describe-fetch-failure.ts'
import { isLoopbackHost } from '../platform/network/is-loopback-host.ts'
import { readBounded } from '../platform/network/bounded-body.ts'
import type { Secret } from '../redact/secret.ts'
import { refusedBy } from './api-refusal-to-fault.ts'
import { secretsOf } from './build-authorization-header.ts'
import { requestLine, responseLine } from './trace-requests-for-debug.ts'
import { readEvents, type ServerEvent } from './read-event-stream.ts'

export interface Api {
  /**
   * One call. The response is parsed by `schema`; an empty one is `undefined` to it.
   * @throws Fault `unauthenticated`, `signature_refused`, `credentials_expired`, `forbidden`, `not_found`, `conflict`, `failed`,
   * `unreachable`, `server_error`; the reason of a signal that was aborted.
   */
  request<T>(call: {
    method: string
    path: string
    query?: Record<string, string | undefined>
    body?: unknown
    /** Values of the body that must not be shown, should the server repeat them in a refusal. */
    secrets?: readonly Secret[]
    schema: v.GenericSchema<unknown, T>
    signal?: AbortSignal
    ifLost?: LostResponse
  }): Promise<T>
  /**
   * One call whose response is for the caller to read, a refusal too. It has to start within the time of a call, and may
   * then take as long as it likes. What was presented is redacted in it.
   * @throws Fault as `request`, but for refusals
   */
  raw(call: {
    method: string
    path: string
    query?: readonly (readonly [name: string, value: string])[]
    headers?: Record<string, string>
    body?: string
  }): Promise<RawResponse>
  /**
   * Server-sent events until the server ends them. Connecting again is left to the caller.
   * @param call.onStart called when the server has responded with a stream.
   */
  events(call: {
    path: string
    lastEventId?: string
    onStart?: () => void
    signal: AbortSignal
  }): AsyncIterable<ServerEvent>
}

/**
 * What may have come of a request whose response was lost, for one that must not be sent twice. The fact is added to
 * the reason for which the wait ended; the hint replaces that reason's own.
 */
interface LostResponse {
  fact: string
  hint: string
}

export interface ApiOptions {
  /** Normalised, without a trailing slash. */
  server: string
  tenant: string | undefined
  /** The `Authorization` header, asked for before every call. */
  authorization: () => Promise<Secret | undefined>
  /** Another header when the server refuses this one, and not for another reason: the call is then repeated. */
  renewed?: (refused: Secret) => Promise<Secret | undefined>
  /** What is presented, as a message calls it (`the token in FOB_TOKEN`); undefined where nothing is, or nobody knows. */
  credential?: string | undefined
  /** How to send with a header whose token is bound to a key (RFC 9449); undefined for any other header. */
  proving?: (authorization: Secret) => Promise<Fetch | undefined>
  /** Whether requests with a `ci_` token are signed. */
  sign: boolean
  version: string
  clock: Clock
  fetch: Fetch
  signal: AbortSignal
  /** Send credentials over http to other machines as well (`FOB_INSECURE_HTTP=1`). */
  insecureHttp: boolean
  /** Takes one line per request and response, without secrets. */
  debug: (line: string) => void
}

/** What calls to one server have in common, whoever makes them. */
export type ServerContext = Omit<ApiOptions, 'authorization' | 'proving' | 'tenant'>

export interface RawResponse {
  status: number
  /** `OK` */
  reason: string
  ok: boolean
  headers: readonly (readonly [name: string, value: string])[]
  /** The body as it comes. @throws Fault `unreachable` where the connection breaks */
  pieces(): AsyncIterable<Uint8Array>
  /** What a command says of a response that is not `ok`, by its body. */
  refusal(body: string): Fault
}

const CALL_TIMEOUT_MS = 30_000
/** The longest lists have tens of thousands of rows; a source has 1 MiB, and logs come in pieces. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024
const MAX_REDIRECTS = 3

interface Call {
  method: string
  url: URL
  /** JSON, as it is sent. */
  body?: string
  headers: Record<string, string>
  signal: AbortSignal
}

export function openApi(options: ApiOptions): Api {
  const { server, clock, debug } = options
  /** A renewed token was refused as the old one was: that is not for its age, unless the server says so. */
  let renewingHelps = true
  /** The response, and the headers that it could repeat. */
  const exchange = async (call: Call): Promise<{ response: Response; presented: Secret[] }> => {
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

  /** @throws Fault for a response that is a refusal. */
  const send = async (call: Call, secrets: readonly Secret[] = []): Promise<Response> => {
    const { response, presented } = await exchange(call)
    if (response.ok) return response
    const body = await readWhole(response, call.url)
    // Loaded for refusals alone, as few calls meet one.
    const { textRedactor } = await import('../redact/redact-echoed-secrets.ts')
    const redact = textRedactor([...presented.flatMap(secretsOf), ...secrets])
    const { credential } = options
    throw refusedBy({ server, credential, status: response.status, body, redact })
  }

  const stream = (path: string, headers: Record<string, string>, signal: AbortSignal) => {
    const outer = AbortSignal.any([options.signal, signal])
    const connect = (within: AbortSignal) =>
      reach(server, outer, () => send({ method: 'GET', url: callUrl(server, path), headers, signal: within }))
    return { server, connect, clock, signal: outer }
  }

  return {
    raw: async ({ method, path, query = [], headers = {}, body }) => {
      const url = callUrl(server, path)
      for (const [name, value] of query) url.searchParams.append(name, value)
      const outer = options.signal
      const starting = new AbortController()
      const tooLong = () => starting.abort(new DOMException('no response', 'TimeoutError'))
      const timer = setTimeout(tooLong, CALL_TIMEOUT_MS)
      const signal = AbortSignal.any([outer, starting.signal])
      const call = present({ method, url, body, headers: { accept: 'application/json', ...headers }, signal })
      try {
        const exchanged = await reach(
          server,
          outer,
          () => exchange(call),
          method === 'GET' ? undefined : MAYBE_SENT,
        )
        return await openRawResponse(exchanged, options)
      } finally {
        clearTimeout(timer)
      }
    },

    request: async ({ method, path, query, body, secrets, schema, signal, ifLost }) => {
      const url = callUrl(server, path, query)
      const outer = signal === undefined ? options.signal : AbortSignal.any([options.signal, signal])
      const call = present({
        method,
        url,
        body: body === undefined ? undefined : JSON.stringify(body),
        headers: { accept: 'application/json' },
        signal: AbortSignal.any([outer, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
      })
      const ask = async () => readWhole(await send(call, secrets), url)
      const text = await reach(server, outer, ask, ifLost)
      const parsed = v.safeParse(schema, text === '' ? undefined : parseJson(text))
      if (parsed.success) return parsed.output
      const field = v.getDotPath(parsed.issues[0])
      throw new Fault(
        'server_error',
        `the response of ${server} to ${method} ${url.pathname} was not understood`,
        {
          hint: `${field === null ? 'it is not what was expected' : `"${field}" is not as expected`}; are fob and the server of the same version?`,
        },
      )
    },

    events: ({ path, lastEventId, onStart, signal }) => {
      const last = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
      const headers = { accept: 'text/event-stream', ...last }
      return readEvents({ ...stream(path, headers, signal), ...present({ onStart }) })
    },
  }
}

const MAYBE_SENT = {
  fact: 'the request may have arrived',
  hint: 'look what has come of it before you repeat it',
}

async function openRawResponse(
  { response, presented }: { response: Response; presented: Secret[] },
  { server, credential, signal }: ApiOptions,
): Promise<RawResponse> {
  const { createRedactor } = await import('../redact/redactor.ts')
  const redactor = createRedactor()
  for (const secret of presented.flatMap(secretsOf)) redactor.add('presented', secret)
  const redact = (text: string) => redactor.text(text)
  async function* pieces(): AsyncIterable<Uint8Array> {
    const stream = redactor.stream()
    for await (const chunk of response.body ?? []) yield* stream.push(chunk)
    yield* stream.end()
  }
  return {
    status: response.status,
    reason: response.statusText,
    ok: response.ok,
    headers: [...response.headers].map(([name, value]) => [name, redact(value)] as const),
    pieces: async function* () {
      const source = pieces()[Symbol.asyncIterator]()
      for (;;) {
        const next = await reach(server, signal, () => source.next())
        if (next.done === true) return
        yield next.value
      }
    },
    refusal: (body) => refusedBy({ server, credential, status: response.status, body, redact }),
  }
}

/** @throws Fault `server_error` for what is too large to be held in memory. */
async function readWhole(response: Response, { origin, pathname }: URL): Promise<string> {
  const text = await readBounded(response, MAX_RESPONSE_BYTES).catch(lost)
  if (text !== undefined) return text
  throw new Fault('server_error', `the response of ${origin}${pathname} is too large`)
}

/** The request went out, or may have, and no response came: `cause` says why. */
class ResponseLost extends Error {}

function lost(cause: unknown): never {
  throw reasonOf(cause).mayHaveArrived ? new ResponseLost('no response', { cause }) : cause
}

/** Runs `work`; an error that is not a fault is a connection that failed or broke. */
async function reach<T>(
  server: string,
  signal: AbortSignal,
  work: () => Promise<T>,
  ifLost?: LostResponse,
): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    const isLost = thrown instanceof ResponseLost
    const error = isLost ? thrown.cause : thrown
    if (isLost && ifLost !== undefined) throw leftOpen(server, signal, error, ifLost)
    if (signal.aborted) throw signal.reason
    if (error instanceof Fault) throw error
    const { message, hint } = cannotReach(
      server,
      error,
      `is a server running at ${server}? name another with -s URL or FOB_SERVER`,
    )
    throw new Fault('unreachable', message, { hint })
  }
}

/** Why there is no response, and what may have come of the request all the same. */
function leftOpen(server: string, signal: AbortSignal, cause: unknown, { fact, hint }: LostResponse): Fault {
  const stopped: unknown = signal.aborted ? signal.reason : undefined
  if (stopped instanceof Fault) return new Fault(stopped.code, `${stopped.message}; ${fact}`, { hint })
  return new Fault('unreachable', `no response from ${server}: ${reasonOf(cause).words}; ${fact}`, { hint })
}

/**
 * `fetch` would carry the credential along wherever a redirect points. Ours stays on one origin, and a body
 * is sent once.
 */
async function follow(
  call: Call,
  authorization: Secret | undefined,
  { fetch, proving, insecureHttp, sign, clock }: ApiOptions,
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

function callUrl(server: string, path: string, query: Record<string, string | undefined> = {}): URL {
  const url = new URL(`${server}${path}`)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, value)
  }
  return url
}

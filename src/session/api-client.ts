/** Calls to a server's API, with the credential, the tenant, a deadline, and faults for every refusal. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import { parseJson } from '../platform/parse-json.ts'
import { readBounded } from '../platform/network/bounded-body.ts'
import type { Secret } from '../redact/secret.ts'
import { refusedBy } from './api-refusal-to-fault.ts'
import { secretsOf } from './build-authorization-header.ts'
import { lost, type LostResponse, MAYBE_SENT, reach } from './lost-responses-to-faults.ts'
import { readEvents, type ServerEvent } from './events/read-event-stream.ts'
import { type Call, type Exchanged, openSender, type SendOptions } from './send-with-credential.ts'

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

export interface ApiOptions extends SendOptions {
  /** Normalised, without a trailing slash. */
  server: string
  /** What is presented, as a message calls it (`the token in FOB_TOKEN`); undefined where nothing is, or nobody knows. */
  credential?: string | undefined
  signal: AbortSignal
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
export function openApi(options: ApiOptions): Api {
  const { server, clock } = options
  const exchange = openSender(options)

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

async function openRawResponse(
  { response, presented }: Exchanged,
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

function callUrl(server: string, path: string, query: Record<string, string | undefined> = {}): URL {
  const url = new URL(`${server}${path}`)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, value)
  }
  return url
}

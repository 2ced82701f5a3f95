/** The client of the Docker daemon: requests to the Engine API over its socket, with time limits and bounds. */
import { accessSync, constants } from 'node:fs'
import * as v from 'valibot'
import { Fault } from '../../../../contract/fault.ts'
import { parseJson } from '../../../../platform/parse-json.ts'
import { type Endpoint, type EndpointSources, findEndpoint } from './daemon-endpoint.ts'
import { type Hijacked, hijack } from './hijacked-connection.ts'

/** The newest API version that we use, and the oldest that has what we need (Docker 20.10, 2020). */
const NEWEST = [1, 47] as const
const OLDEST = [1, 41] as const
/** How long the daemon may take to report its version. */
const PING_MS = 10_000
/** How long a response may take that waits for no task. Some storage drivers copy the image for a container. */
const RESPONSE_MS = 5 * 60_000
/** The largest response that is not a stream. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024

export interface DaemonRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** Without the API version: `/containers/json`. */
  path: string
  query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is: a tar archive. */
  stream?: AsyncIterable<Uint8Array>
  signal?: AbortSignal | undefined
}

/** The Engine API over its socket. Every method throws what `reach` throws, and DaemonError. */
export interface DaemonClient {
  /** For messages. Empty before it is known. */
  name(): string
  /** @throws Fault `config` or `unreachable`, with a hint, when there is no daemon that we can use */
  reach(signal?: AbortSignal): Promise<void>
  /** A response that the caller reads to its end, with no deadline except `signal`. */
  open(request: DaemonRequest): Promise<Response>
  json<T>(request: DaemonRequest, schema: v.GenericSchema<unknown, T>): Promise<T>
  /** For requests whose response has no content of use. */
  send(request: DaemonRequest): Promise<void>
  /** A request after which the connection carries a task's input and output. */
  hijack(request: DaemonRequest): Promise<Hijacked>
}

/** The daemon has responded, and refused. */
export class DaemonError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const refusal = v.looseObject({ message: v.string() })

export function createDaemonClient(sources: EndpointSources): DaemonClient {
  let known: { endpoint: Endpoint; version: string } | undefined

  async function connect(signal?: AbortSignal): Promise<{ endpoint: Endpoint; version: string }> {
    if (known !== undefined) return known
    const endpoint = findEndpoint(sources)
    const response = await ask(endpoint, '/_ping', { signal: within(PING_MS, signal) })
    await response.arrayBuffer()
    if (!response.ok)
      throw new Fault('unreachable', `what listens at ${endpoint.name} is not a Docker daemon`)
    known = { endpoint, version: negotiate(response.headers.get('api-version'), endpoint) }
    return known
  }

  async function open(request: DaemonRequest): Promise<Response> {
    const { endpoint, version } = await connect(request.signal)
    const { method, signal, body, stream } = request
    const init: BunFetchRequestInit = { method, ...(signal === undefined ? {} : { signal }) }
    if (body !== undefined) {
      init.headers = { 'content-type': 'application/json' }
      init.body = JSON.stringify(body)
    } else if (stream !== undefined) {
      init.headers = { 'content-type': 'application/x-tar' }
      init.body = toStream(stream)
    }
    const response = await ask(endpoint, `/v${version}${pathOf(request)}`, init)
    if (response.status >= 400) throw new DaemonError(response.status, await reasonOf(response))
    return response
  }

  async function json<T>(request: DaemonRequest, schema: v.GenericSchema<unknown, T>): Promise<T> {
    const response = await open({ ...request, signal: within(RESPONSE_MS, request.signal) })
    const parsed = v.safeParse(schema, parseJson(await readText(response)))
    if (parsed.success) return parsed.output
    throw new DaemonError(response.status, `the daemon's response to ${request.path} is not understood`)
  }

  return {
    name: () => known?.endpoint.name ?? '',
    reach: async (signal) => {
      // Look it up again: it may have stopped since.
      known = undefined
      await connect(signal)
    },
    open,
    json,
    send: async (request) => {
      const response = await open({ ...request, signal: within(RESPONSE_MS, request.signal) })
      await response.arrayBuffer()
    },
    hijack: async (request) => {
      const { endpoint, version } = await connect(request.signal)
      const response = await hijack(endpoint, {
        target: `/v${version}${pathOf(request)}`,
        body: request.body === undefined ? '' : JSON.stringify(request.body),
        signal: within(RESPONSE_MS, request.signal),
      }).catch((error: unknown) => {
        throw request.signal?.aborted === true ? error : unreachable(endpoint, error)
      })
      if ('refused' in response) throw new DaemonError(response.refused, reasonIn(response.text))
      return response
    },
  }
}

function within(ms: number, signal: AbortSignal | undefined): AbortSignal {
  const deadline = AbortSignal.timeout(ms)
  return signal === undefined ? deadline : AbortSignal.any([signal, deadline])
}

/** @throws Fault `unreachable`; what the signal throws */
async function ask(endpoint: Endpoint, target: string, init: BunFetchRequestInit): Promise<Response> {
  const { socket, tls, origin } = endpoint
  const transport: BunFetchRequestInit = {
    redirect: 'error',
    // Some responses come only when a task ends.
    timeout: false,
    ...(socket === undefined ? {} : { unix: socket }),
    ...(tls === undefined ? {} : { tls: pick(tls) }),
  }
  try {
    return await fetch(`${origin}${target}`, { ...init, ...transport })
  } catch (error) {
    const { signal } = init
    const isTimeout = error instanceof DOMException && error.name === 'TimeoutError'
    if (signal?.aborted === true && !isTimeout) throw error
    throw unreachable(endpoint, error)
  }
}

function pick({ ca, cert, key }: NonNullable<Endpoint['tls']>) {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

/** The cause, and what to do about it. */
function unreachable({ name, socket }: Endpoint, error: unknown): Fault {
  const fault = (why: string, hint: string) =>
    new Fault('unreachable', `cannot reach the Docker daemon at ${name}: ${why}`, { hint, cause: error })
  if (socket === undefined)
    return fault(codeOf(error), 'check DOCKER_HOST, and that the daemon listens there')
  const reason = socketProblem(socket)
  if (reason === 'ENOENT') {
    return fault('there is no such socket', 'start the daemon, or set DOCKER_HOST or --docker-host')
  }
  if (reason === 'EACCES') {
    const hint = 'run the server as a member of the group of that socket (docker), or use a rootless daemon'
    return fault('this user may not use that socket', hint)
  }
  return fault(codeOf(error), 'see whether it runs: docker info')
}

function socketProblem(socket: string): string | undefined {
  try {
    accessSync(socket, constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    return codeOf(error)
  }
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ECONNREFUSED') return 'nobody listens there'
  if (code === 'ETIMEDOUT' || (error instanceof Error && error.name === 'TimeoutError')) return 'no response'
  return typeof code === 'string' ? code : 'the connection broke'
}

/** The newest API version of both sides. @throws Fault `unreachable` */
function negotiate(offered: string | null, { name }: Endpoint): string {
  const match = /^1\.(\d{1,3})$/.exec(offered ?? '')
  const minor = Number(match?.[1])
  if (match === null) throw new Fault('unreachable', `what listens at ${name} is not a Docker daemon`)
  if (minor < OLDEST[1]) {
    throw new Fault('unreachable', `the Docker daemon at ${name} is too old: API ${offered}`, {
      hint: `it needs API ${OLDEST.join('.')}: Docker 20.10 or newer`,
    })
  }
  return `1.${Math.min(minor, NEWEST[1])}`
}

function pathOf({ path, query = {} }: DaemonRequest): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value))
  }
  return search.size === 0 ? path : `${path}?${search.toString()}`
}

async function reasonOf(response: Response): Promise<string> {
  return reasonIn(await readText(response))
}

function reasonIn(text: string): string {
  const parsed = v.safeParse(refusal, parseJson(text))
  return parsed.success ? parsed.output.message.trim() : 'the daemon gave no reason'
}

/** The content of a response as it arrives. */
export async function* contentOf({ body }: Response): AsyncGenerator<Uint8Array, void> {
  if (body !== null) yield* body
}

/** @throws DaemonError for a response larger than any legitimate one */
async function readText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of contentOf(response)) {
    length += piece.length
    if (length > MAX_RESPONSE_BYTES)
      throw new DaemonError(response.status, "the daemon's response is too long")
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

function toStream(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const next = await iterator.next()
      if (next.done === true) controller.close()
      else controller.enqueue(next.value)
    },
    cancel: async () => void (await iterator.return?.()),
  })
}

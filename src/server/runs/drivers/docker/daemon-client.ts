import { accessSync, constants } from 'node:fs'
import * as v from 'valibot'
import { Fault } from '../../../../contract/fault.ts'
import { type Endpoint, type EndpointSources, findEndpoint } from './daemon-endpoint.ts'
import { type Hijacked, hijack } from './hijacked-connection.ts'

/** The newest version of the API that we speak, and the oldest that has what we need (Docker 20.10, 2020). */
const NEWEST = [1, 47] as const
const OLDEST = [1, 41] as const
/** How long the daemon may take to say who it is. */
const PING_MS = 10_000
/** How long it may take for an answer that waits for no task. On some drivers an image is copied for a container. */
const ANSWER_MS = 5 * 60_000
/** Of an answer that is not a stream. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024

export interface DaemonRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** Without the version: `/containers/json`. */
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
  /** As a person would name it. Empty before it is known. */
  name(): string
  /** @throws Fault `config` or `unreachable`, with a hint: no daemon, or none that we can talk to. */
  reach(signal?: AbortSignal): Promise<void>
  /** An answer that is read to its end by whom it is given to, with no deadline but that of `signal`. */
  open(request: DaemonRequest): Promise<Response>
  json<T>(request: DaemonRequest, schema: v.GenericSchema<unknown, T>): Promise<T>
  /** For what answers with nothing of use. */
  send(request: DaemonRequest): Promise<void>
  /** A request after which the connection itself carries a task's input and output. */
  hijack(request: DaemonRequest): Promise<Hijacked>
}

/** The daemon has answered, and refused. */
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
    const answer = await ask(endpoint, '/_ping', { signal: within(PING_MS, signal) })
    await answer.arrayBuffer()
    if (!answer.ok) throw new Fault('unreachable', `what listens at ${endpoint.name} is no Docker daemon`)
    known = { endpoint, version: negotiate(answer.headers.get('api-version'), endpoint) }
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
    const answer = await ask(endpoint, `/v${version}${pathOf(request)}`, init)
    if (answer.status >= 400) throw new DaemonError(answer.status, await reasonOf(answer))
    return answer
  }

  async function json<T>(request: DaemonRequest, schema: v.GenericSchema<unknown, T>): Promise<T> {
    const answer = await open({ ...request, signal: within(ANSWER_MS, request.signal) })
    const parsed = v.safeParse(schema, parseJson(await readText(answer)))
    if (parsed.success) return parsed.output
    throw new DaemonError(answer.status, `the daemon's answer to ${request.path} is not understood`)
  }

  return {
    name: () => known?.endpoint.name ?? '',
    reach: async (signal) => {
      // Asked anew: it may have gone since.
      known = undefined
      await connect(signal)
    },
    open,
    json,
    send: async (request) => {
      const answer = await open({ ...request, signal: within(ANSWER_MS, request.signal) })
      await answer.arrayBuffer()
    },
    hijack: async (request) => {
      const { endpoint, version } = await connect(request.signal)
      const answer = await hijack(endpoint, {
        target: `/v${version}${pathOf(request)}`,
        body: request.body === undefined ? '' : JSON.stringify(request.body),
        signal: within(ANSWER_MS, request.signal),
      }).catch((error: unknown) => {
        throw request.signal?.aborted === true ? error : unreachable(endpoint, error)
      })
      if ('refused' in answer) throw new DaemonError(answer.refused, reasonIn(answer.text))
      return answer
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
    // Some answers come when a task ends, and no sooner.
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

/** The facts, and what to do about them. */
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
  if (code === 'ETIMEDOUT' || (error instanceof Error && error.name === 'TimeoutError')) return 'no answer'
  return typeof code === 'string' ? code : 'the connection broke'
}

/** The newest version that both speak. @throws Fault `unreachable` */
function negotiate(offered: string | null, { name }: Endpoint): string {
  const match = /^1\.(\d{1,3})$/.exec(offered ?? '')
  const minor = Number(match?.[1])
  if (match === null) throw new Fault('unreachable', `what listens at ${name} is no Docker daemon`)
  if (minor < OLDEST[1]) {
    throw new Fault('unreachable', `the Docker daemon at ${name} is too old: API ${offered}`, {
      hint: `it has to speak ${OLDEST.join('.')}: Docker 20.10 or newer`,
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

async function reasonOf(answer: Response): Promise<string> {
  return reasonIn(await readText(answer))
}

function reasonIn(text: string): string {
  const parsed = v.safeParse(refusal, parseJson(text))
  return parsed.success ? parsed.output.message.trim() : 'the daemon gave no reason'
}

/** What an answer holds, as it comes. */
export async function* contentOf({ body }: Response): AsyncGenerator<Uint8Array, void> {
  if (body !== null) yield* body
}

/** @throws Error for one that is larger than any that means well */
async function readText(answer: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of contentOf(answer)) {
    length += piece.length
    if (length > MAX_ANSWER_BYTES) throw new DaemonError(answer.status, "the daemon's answer is too long")
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
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

/** A connection to the daemon that, after its HTTP response, carries a task's input and output. */
import { connect, isIP, type Socket } from 'node:net'
import type { Endpoint } from './daemon-endpoint.ts'

/** A connection that carries a task's input and output. */
export interface Hijacked {
  /** What the task writes, framed (`demultiplex-output.ts`). A reader that stops reading slows the task down. */
  output: AsyncIterable<Uint8Array>
  /** Sends the task all of its input and closes it. Resolves when that has been sent, or cannot be. */
  input(bytes: Uint8Array): Promise<void>
  close(): void
}

/** The daemon has refused. */
interface Refused {
  refused: number
  text: string
}

interface HijackRequest {
  target: string
  body: string
  signal: AbortSignal | undefined
}

const MAX_HEAD_BYTES = 16 * 1024
const MAX_REASON_BYTES = 64 * 1024

/**
 * Sends a request after whose response the connection carries other data than HTTP (Engine API, "Attach to a
 * container": `Upgrade: tcp`), which `fetch` cannot do.
 * @throws the system's error; Error for a response that is not HTTP
 */
export async function hijack(endpoint: Endpoint, request: HijackRequest): Promise<Hijacked | Refused> {
  const socket = await dial(endpoint, request.signal)
  const stop = () => socket.destroy()
  request.signal?.addEventListener('abort', stop, { once: true })
  try {
    const { host } = new URL(endpoint.origin)
    socket.write(
      [
        `POST ${request.target} HTTP/1.1`,
        `Host: ${host}`,
        'Connection: Upgrade',
        'Upgrade: tcp',
        'Content-Type: application/json',
        `Content-Length: ${Buffer.byteLength(request.body)}`,
        '',
        request.body,
      ].join('\r\n'),
    )
    const chunks: AsyncIterator<Uint8Array> = socket[Symbol.asyncIterator]()
    const { status, rest } = await readHead(chunks)
    if (status === 101 || status === 200) {
      return {
        output: { [Symbol.asyncIterator]: () => prepend(rest, chunks) },
        input: (bytes) => giveAll(socket, bytes),
        close: stop,
      }
    }
    const text = await readReason(rest, chunks)
    stop()
    return { refused: status, text }
  } catch (error) {
    stop()
    throw error
  } finally {
    request.signal?.removeEventListener('abort', stop)
  }
}

async function dial({ socket: path, origin, tls }: Endpoint, signal?: AbortSignal): Promise<Socket> {
  signal?.throwIfAborted()
  const { hostname, port } = new URL(origin)
  const address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), allowHalfOpen: true }
  let socket: Socket
  if (path !== undefined) socket = connect({ path, allowHalfOpen: true })
  else if (tls === undefined) socket = connect(address)
  else {
    const { connect: connectTls } = await import('node:tls')
    // An address is not sent as a server name, but is compared with the certificate all the same.
    const name = isIP(address.host) === 0 ? { servername: address.host } : {}
    socket = connectTls({ ...address, ...tls, ...name })
  }
  const opened = Promise.withResolvers<void>()
  const stop = () => opened.reject(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  socket.once('error', opened.reject)
  socket.once(tls === undefined ? 'connect' : 'secureConnect', opened.resolve)
  try {
    await opened.promise
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
  // The reader notices a broken connection as the end of the stream.
  socket.on('error', () => {})
  return socket
}

async function readHead(chunks: AsyncIterator<Uint8Array>): Promise<{ status: number; rest: Buffer }> {
  let held = Buffer.alloc(0)
  for (;;) {
    const end = held.indexOf('\r\n\r\n')
    if (end >= 0) {
      const match = /^HTTP\/1\.[01] (\d{3})/.exec(held.toString('latin1', 0, end))
      if (match === null) break
      return { status: Number(match[1]), rest: held.subarray(end + 4) }
    }
    const next = await chunks.next()
    if (next.done === true || held.length > MAX_HEAD_BYTES) break
    held = Buffer.concat([held, next.value])
  }
  throw new Error('the daemon did not respond in HTTP')
}

/** The daemon refuses with JSON, and may then leave the connection open. */
async function readReason(rest: Buffer, chunks: AsyncIterator<Uint8Array>): Promise<string> {
  let held = rest
  while (held.length < MAX_REASON_BYTES && !held.includes('}')) {
    const next = await chunks.next()
    if (next.done === true) break
    held = Buffer.concat([held, next.value])
  }
  const text = held.toString()
  // It may be chunked: the JSON stands between the lengths of chunks.
  return text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)
}

async function* prepend(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    if (first.length > 0) yield first
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

/** A task may end without reading all of its input, which breaks the pipe and is not an error. */
async function giveAll(socket: Socket, bytes: Uint8Array): Promise<void> {
  const taken = Promise.withResolvers<void>()
  socket.once('close', () => taken.resolve())
  socket.end(bytes, () => taken.resolve())
  await taken.promise
}

/** An HTTP request to an address that was checked before the connection. */
import { type IncomingMessage, request as requestHttp, type RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { Fault } from '../contract/fault.ts'
import { fetchFailure } from '../platform/network/describe-fetch-failure.ts'
import type { Network } from './allowed-networks.ts'
import { createAllowedResolver } from './resolve-allowed-address.ts'

/** One request to one host: no redirect is followed, no proxy is used, and no credential of the server is sent. */
interface GuardedRequest {
  /** http or https, without credentials. */
  url: URL
  method: string
  /** Sent as they are. */
  headers: Readonly<Record<string, string>>
  body?: string | undefined
  signal: AbortSignal
}

export interface GuardedResponse {
  status: number
  statusText: string
  /** Names in lower case; repeated headers are joined by ", ". */
  headers: Record<string, string>
  /** Decompressed. */
  body: Buffer
}

/** @throws Fault `forbidden` for an address that may not be reached, `unreachable`, `failed` for too large a response */
export type GuardedFetch = (request: GuardedRequest) => Promise<GuardedResponse>

interface GuardedFetchOptions {
  network: Network
  maxResponseBytes: number
  /** All addresses of a name; without it, the system resolves names. */
  resolve?: (host: string) => Promise<string[]>
  /** Certificates to trust in addition to the system's. */
  ca?: string
}

/**
 * A name is resolved once, and the address that was checked is the one that is connected to: a name that has another
 * address the next time (DNS rebinding) is not resolved a second time. `node:http` is used because `fetch` would
 * resolve names by itself, and would use the proxy of the server's environment.
 */
export function createGuardedFetch(options: GuardedFetchOptions): GuardedFetch {
  const { network, maxResponseBytes, resolve, ca } = options

  const { addresses, lookup } = createAllowedResolver(network, resolve)

  return async ({ url, method, headers, body, signal }) => {
    const host = hostOf(url)
    // `lookup` is not called for an address.
    if (isIP(host) !== 0) await addresses(host)
    const { promise, resolve: received, reject } = Promise.withResolvers<IncomingMessage>()
    const sent: RequestOptions & { ca?: string } = { method, headers, signal, lookup, agent: false }
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    const outgoing = send(url, ca === undefined ? sent : { ...sent, ca }, received)
    outgoing.on('error', reject)
    outgoing.end(body)
    try {
      const incoming = await promise
      return {
        status: incoming.statusCode ?? 0,
        statusText: incoming.statusMessage ?? '',
        headers: flat(incoming),
        body: await readAll(incoming, maxResponseBytes),
      }
    } catch (error) {
      throw error instanceof Fault ? error : unreachable(url, error, signal)
    } finally {
      outgoing.destroy()
    }
  }
}

/** An IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function unreachable({ host }: URL, error: unknown, { aborted }: AbortSignal): Fault {
  const reason = aborted ? 'it did not answer in time' : fetchFailure(error)
  return new Fault('unreachable', `cannot reach ${host}: ${reason}`, { cause: error })
}

function flat({ headers }: IncomingMessage): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')] as const)
  return Object.fromEntries(entries)
}

/** Counted after decompression, as a small body can become a large one. */
async function readAll(incoming: IncomingMessage, most: number): Promise<Buffer> {
  const decoder = decoderOf(incoming.headers['content-encoding'])
  const source = decoder === undefined ? incoming : incoming.pipe(decoder)
  incoming.on('error', (error) => decoder?.destroy(error))
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of source as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > most) throw new Fault('failed', `the answer is larger than ${most / 1024 / 1024} MiB`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function decoderOf(encoding: string | undefined) {
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip()
  if (encoding === 'deflate') return createInflate()
  return encoding === 'br' ? createBrotliDecompress() : undefined
}

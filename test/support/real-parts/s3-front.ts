/** A proxy in front of the S3 server that adds what Swift lacks. */
import { createHash } from 'node:crypto'
import type { S3Server } from './s3-server.ts'
import { signed } from './s3-signer.ts'

/** One request as it came, before the front did anything with it. */
export interface Recorded {
  method: string
  path: string
  query: string
  headers: Headers
}

/** What a test may do to the requests that come in: answer by itself, or let go on by returning nothing. */
type Meddle = (request: Recorded) => Response | Promise<Response> | undefined

export interface S3Front {
  endpoint: string
  requests: Recorded[]
  meddle: Meddle
  stop(): void
}

const SSE = 'x-amz-server-side-encryption'
const CUSTOMER = `${SSE}-customer`

/**
 * Stands before a real S3 server, records what it is asked, and adds what that server lacks: conditional writes
 * and the rules of server-side encryption as AWS documents them. The data is kept by the real server. It does not
 * check signatures: it signs anew what it hands on.
 * @param conditions `ignore`: as a server does that has never heard of them
 * @param encryption `ignore`: as a server does that does not know its headers; `claim`: it says that it encrypts, and does not
 * @param pageSize forces lists into pages of this many
 */
export function startS3Front(
  behind: S3Server,
  options: {
    conditions?: 'keep' | 'ignore'
    encryption?: 'ignore' | 'claim'
    pageSize?: number
    port?: number
  } = {},
): S3Front {
  /** The digest of the customer's key, by path. */
  const customerKeys = new Map<string, string>()
  let last: Promise<unknown> = Promise.resolve()

  const forward = async ({ method, path, query, headers }: Recorded, body?: Uint8Array<ArrayBuffer>) => {
    const params = new URLSearchParams(query)
    if (params.has('list-type') && options.pageSize) params.set('max-keys', String(options.pageSize))
    const type = headers.get('content-type')
    const range = headers.get('range')
    const answer = await fetch(
      signed({
        method,
        url: `${behind.endpoint}${path}${params.size === 0 ? '' : `?${params.toString()}`}`,
        headers: { ...(type && { 'content-type': type }), ...(range && { range }) },
        ...(body === undefined ? {} : { body }),
        accessKeyId: behind.accessKeyId,
        secretAccessKey: behind.secretAccessKey,
      }),
    )
    return new Response(answer.body, { status: answer.status, headers: answer.headers })
  }

  const write = async (request: Recorded, body: Uint8Array<ArrayBuffer>): Promise<Response> => {
    const { path, headers } = request
    const [match, noneMatch] = [headers.get('if-match'), headers.get('if-none-match')]
    if (options.conditions !== 'ignore' && (match !== null || noneMatch !== null)) {
      const there = await forward({ ...request, method: 'HEAD', query: '' })
      if (noneMatch === '*' && there.ok) return refuse(412, 'PreconditionFailed')
      if (match !== null && !there.ok) return refuse(404, 'NoSuchKey')
      if (match !== null && there.headers.get('etag') !== match) return refuse(412, 'PreconditionFailed')
    }
    const digest = customerDigest(headers)
    if (digest === 'wrong') return refuse(400, 'InvalidArgument')
    const answer = await forward(request, body)
    if (!answer.ok || options.encryption === 'ignore') return answer
    if (digest === undefined) customerKeys.delete(path)
    else customerKeys.set(path, digest)
    for (const name of [SSE, `${CUSTOMER}-algorithm`, `${CUSTOMER}-key-md5`]) {
      const asked = headers.get(name)
      if (asked !== null) answer.headers.set(name, asked)
    }
    return answer
  }

  const front: S3Front = {
    endpoint: '',
    requests: [],
    meddle: () => undefined,
    stop: () => void server.stop(true),
  }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: options.port ?? 0,
    idleTimeout: 60,
    async fetch(incoming) {
      const url = new URL(incoming.url)
      const { method, headers } = incoming
      const request = { method, path: url.pathname, query: url.search.slice(1), headers }
      front.requests.push(request)
      const body = new Uint8Array(await incoming.arrayBuffer())
      const meddled = await front.meddle(request)
      if (meddled !== undefined) return meddled
      if (method === 'PUT') {
        // One at a time: between the look and the write of a condition nothing may come.
        const mine = last.then(() => write(request, body))
        last = mine.catch(() => {})
        return mine
      }
      const key = customerKeys.get(url.pathname)
      const reads =
        options.encryption === undefined &&
        (method === 'GET' || method === 'HEAD') &&
        url.search.indexOf('list-type') < 0
      if (reads && key !== customerDigest(headers) && (await forward({ ...request, method: 'HEAD' })).ok) {
        return refuse(400, 'InvalidRequest')
      }
      return forward(request)
    },
  })
  front.endpoint = `http://127.0.0.1:${server.port}`
  return front
}

/** The digest of the customer's key; `wrong` when it is not that key's. */
function customerDigest(headers: Headers): string | undefined {
  const key = headers.get(`${CUSTOMER}-key`)
  if (key === null) return undefined
  const bytes = Buffer.from(key, 'base64')
  const digest = createHash('md5').update(bytes).digest('base64')
  const right =
    headers.get(`${CUSTOMER}-key-md5`) === digest && headers.get(`${CUSTOMER}-algorithm`) === 'AES256'
  return right && bytes.length === 32 ? digest : 'wrong'
}

export function refuse(status: number, code: string): Response {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`
  return new Response(body, { status, headers: { 'content-type': 'application/xml' } })
}

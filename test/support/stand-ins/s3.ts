/** A small S3 server in memory, for tests of what is asked of one and not of what it stores. */
import { createHash } from 'node:crypto'
import type { S3Server } from '../real-parts/s3-server.ts'

interface StoredObject {
  body: Buffer
  type: string
  modified: Date
}

/**
 * What the calls of a vault need: objects, and lists with prefixes and pages. It does not look at signatures, knows no
 * versions, and has whatever bucket is asked for. What is about the store itself runs on the real one.
 */
export function startS3StandIn(): S3Server {
  /** By path, `/bucket/key`. */
  const stored = new Map<string, StoredObject>()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const { pathname, searchParams } = new URL(request.url)
      const path = decodeURIComponent(pathname)
      if (searchParams.has('list-type')) return list(stored, path, searchParams)
      const object = stored.get(path)
      switch (request.method) {
        case 'PUT': {
          const body = Buffer.from(await request.arrayBuffer())
          const type = request.headers.get('content-type') ?? 'binary/octet-stream'
          stored.set(path, { body, type, modified: new Date() })
          return new Response(null, { headers: { etag: etagOf(body) } })
        }
        case 'DELETE':
          stored.delete(path)
          return new Response(null, { status: 204 })
        default:
          return object === undefined ? missing(path) : found(object, request.method === 'HEAD')
      }
    },
  })
  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    accessKeyId: 'stand-in',
    secretAccessKey: 'stand-in',
    createBucket: async () => {},
    keepVersions: () => Promise.reject(new Error('the stand-in keeps no versions')),
    put: async (bucket, key, content) =>
      void stored.set(`/${bucket}/${key}`, {
        body: Buffer.from(content),
        type: 'binary/octet-stream',
        modified: new Date(),
      }),
    objects: async (bucket, prefix = '') => {
      const names = keysIn(stored, `/${bucket}`, prefix)
      return new Map(names.map((name) => [name, stored.get(`/${bucket}/${name}`)?.body ?? Buffer.alloc(0)]))
    },
    stop: () => server.stop(true),
  }
}

function found({ body, type, modified }: StoredObject, isHead: boolean): Response {
  const headers = { etag: etagOf(body), 'content-type': type, 'last-modified': modified.toUTCString() }
  return isHead
    ? new Response(null, { headers: { ...headers, 'content-length': String(body.length) } })
    : new Response(new Uint8Array(body), { headers })
}

function missing(path: string): Response {
  const body = `<Error><Code>NoSuchKey</Code><Message>no</Message><Key>${escaped(path)}</Key></Error>`
  return new Response(body, { status: 404, headers: { 'content-type': 'application/xml' } })
}

/** ListObjectsV2: the token of a page is the last key before it. */
function list(stored: ReadonlyMap<string, StoredObject>, bucket: string, params: URLSearchParams): Response {
  const after = params.get('continuation-token') ?? ''
  const most = Number(params.get('max-keys') ?? 1000)
  const keys = keysIn(stored, bucket, params.get('prefix') ?? '').filter((key) => key > after)
  const page = keys.slice(0, most)
  const contents = page.map((key) => {
    const { body, modified } = stored.get(`${bucket}/${key}`) ?? {
      body: Buffer.alloc(0),
      modified: new Date(0),
    }
    return `<Contents><Key>${escaped(key)}</Key><LastModified>${modified.toISOString()}</LastModified><ETag>${escaped(etagOf(body))}</ETag><Size>${body.length}</Size></Contents>`
  })
  const more = keys.length > most
  const next = more ? `<NextContinuationToken>${escaped(page.at(-1) ?? '')}</NextContinuationToken>` : ''
  const body = `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`
  return new Response(body, { headers: { 'content-type': 'application/xml' } })
}

function keysIn(stored: ReadonlyMap<string, unknown>, bucket: string, prefix: string): string[] {
  const start = `${bucket.replace(/\/$/, '')}/`
  return [...stored.keys()]
    .filter((path) => path.startsWith(`${start}${prefix}`))
    .map((path) => path.slice(start.length))
    .toSorted()
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

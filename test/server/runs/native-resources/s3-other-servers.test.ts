/** The S3 resource on servers that differ: suspended versions, ignored conditions, missing rights, lost uploads. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { refuse } from '../../../support/real-parts/s3-front.ts'
import { failure } from '../run-harness.ts'
import { openDesk } from './contract.ts'

interface Asked {
  method: string
  key: string
  params: URLSearchParams
  headers: Headers
  body: Uint8Array
}

/** What the server responds, set anew by each test. */
let respond: (asked: Asked) => Response
let seen: Asked[] = []
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const { pathname, searchParams: params } = new URL(request.url)
    const body = new Uint8Array(await request.arrayBuffer())
    const asked = {
      method: request.method,
      key: pathname.slice('/bucket/'.length),
      params,
      headers: request.headers,
      body,
    }
    seen.push(asked)
    return respond(asked)
  },
})
afterAll(() => server.stop(true))
beforeEach(() => {
  seen = []
})

const credentials = { access_key: 'secret:ID', secret_key: 'secret:KEY' }
const source = { bucket: 'bucket', endpoint: `http://127.0.0.1:${server.port}`, credentials }
const state = { type: 's3', source: { ...source, key: 'state' } }
const open = () => openDesk({ ID: 'some-id', KEY: 'some-secret-key' })
const seenAs = () =>
  seen.map(({ method, params }) => `${method}${params.has('versions') ? ' ?versions' : ''}`)

type Entry = { id: string; etag?: string; latest?: boolean; deleted?: boolean }

/** A page of `ListObjectVersions`, in the order of the server. */
function versions(entries: Entry[]): Response {
  const all = entries.map(({ id, etag, latest = false, deleted = false }) => {
    const tag = deleted ? 'DeleteMarker' : 'Version'
    const content = deleted ? '' : `<ETag>&quot;${etag ?? id}&quot;</ETag><Size>1</Size>`
    return `<${tag}><Key>state</Key><VersionId>${id}</VersionId><IsLatest>${latest}</IsLatest>${content}<LastModified>2026-01-01T00:00:00Z</LastModified></${tag}>`
  })
  return xml(`<ListVersionsResult><IsTruncated>false</IsTruncated>${all.join('')}</ListVersionsResult>`)
}
const xml = (text: string) => new Response(text, { headers: { 'content-type': 'application/xml' } })
const object = (text: string, headers: Record<string, string>) => new Response(text, { headers })

const suspended = (latest: string) => [
  { id: 'v2', latest: latest === 'v2' },
  { id: 'v1' },
  // Some servers list it last, though it was stored last.
  { id: 'null', etag: 'n1', latest: latest === 'null' },
]

describe('a bucket whose versions were suspended', () => {
  test('has its newest object without a version of its own, and that one is found, named and fetched', async () => {
    const desk = await open()
    respond = ({ params, headers }) => {
      if (params.has('versions')) return versions(suspended('null'))
      expect([params.get('versionId'), headers.get('if-match')]).toEqual(['null', null])
      return object('newest', { etag: '"n1"', 'x-amz-version-id': 'null' })
    }
    const [newest] = await desk.check(state)
    expect(newest).toEqual({ key: 'state', version_id: 'null', etag: '"n1"' })
    for (const version of [newest, undefined, { key: 'state', version_id: 'null' }]) {
      const { version: came } = await desk.fetch({ ...state, version, destDir: 'w' })
      expect(readFileSync(join(desk.volume('w'), 'state'), 'utf8')).toBe('newest')
      expect(came).toEqual({ key: 'state', version_id: 'null', etag: '"n1"' })
    }
  })

  test('keeps its order: what came after a version is what the server says', async () => {
    const desk = await open()
    respond = () => versions(suspended('null'))
    const after = await desk.check({ ...state, version: { key: 'state', version_id: 'v1' } })
    expect(after.map(({ version_id: id }) => id)).toEqual(['v1', 'v2', 'null'])
    respond = () => versions(suspended('v2'))
    expect((await desk.check(state)).map(({ version_id: id }) => id)).toEqual(['v2'])
  })

  test('writes over the version null: one that was named before is not exchanged for another', async () => {
    const desk = await open()
    respond = () => object('another', { etag: '"n2"', 'x-amz-version-id': 'null' })
    const version = { key: 'state', version_id: 'null', etag: '"n1"' }
    expect(String(await failure(desk.fetch({ ...state, version, destDir: 'w' })))).toContain(
      'has changed since',
    )
  })

  test('whose versions are kept again knows what was checked before by its ETag', async () => {
    const desk = await open()
    respond = () =>
      versions([
        { id: 'v1', latest: true },
        { id: 'null', etag: 'n1' },
      ])
    const found = await desk.check({ ...state, version: { key: 'state', etag: '"n1"' } })
    expect(found.map(({ version_id: id }) => id)).toEqual(['null', 'v1'])
  })
})

test('a bucket that has never kept versions names its object by its ETag, as it did', async () => {
  const desk = await open()
  respond = () => versions([{ id: 'null', etag: 'n1', latest: true }])
  expect(await desk.check(state)).toEqual([{ key: 'state', etag: '"n1"' }])
  expect(seenAs()).toEqual(['GET ?versions'])
})

const deleted = () => versions([{ id: 'd1', deleted: true, latest: true }, { id: 'v2' }, { id: 'v1' }])

describe('an object that was deleted from a bucket with versions', () => {
  test('has no newest version', async () => {
    const desk = await open()
    respond = deleted
    expect(await desk.check(state)).toEqual([])
    const error = String(await failure(desk.fetch({ ...state, destDir: 'w' })))
    expect(error).toContain(
      'the object was deleted from bucket; its earlier versions can be fetched by their version',
    )
  })

  test('keeps its earlier ones, and the marker is none of them', async () => {
    const desk = await open()
    respond = deleted
    const found = await desk.check({ ...state, version: { key: 'state', version_id: 'v1' } })
    expect(found.map(({ version_id: id }) => id)).toEqual(['v1', 'v2'])
    respond = () => object('old', { etag: '"v1"', 'x-amz-version-id': 'v1' })
    await desk.fetch({ ...state, version: found[0], destDir: 'w' })
    expect(readFileSync(join(desk.volume('w'), 'state'), 'utf8')).toBe('old')
  })
})

describe('where versions cannot be listed', () => {
  test.each([
    [403, 'AccessDenied'],
    [405, 'MethodNotAllowed'],
    [501, 'NotImplemented'],
  ])('by %i, the object as it is now is checked', async (status, code) => {
    const desk = await open()
    respond = ({ params }) =>
      params.has('versions')
        ? refuse(status, code)
        : new Response(null, { headers: { etag: '"e"', 'content-length': '3' } })
    expect(await desk.check(state)).toEqual([{ key: 'state', etag: '"e"' }])
    expect(seenAs()).toEqual(['GET ?versions', 'HEAD'])
  })

  test('and the object cannot be read either, the hint names the rights', async () => {
    const desk = await open()
    respond = ({ method }) =>
      method === 'HEAD' ? new Response(null, { status: 403 }) : refuse(403, 'AccessDenied')
    expect(String(await failure(desk.check(state)))).toContain(
      's3:ListBucket and s3:GetObject, s3:ListBucketVersions and s3:GetObjectVersion for versions',
    )
  })

  test('because the key is wrong, that is said', async () => {
    const desk = await open()
    respond = () => refuse(403, 'SignatureDoesNotMatch')
    expect(String(await failure(desk.check(state)))).toContain(
      'does not accept source.credentials.secret_key',
    )
    expect(seenAs()).toEqual(['GET ?versions'])
  })
})

describe('a server that ignores', () => {
  test.each([
    ['If-Match', { key: 'state', etag: '"one"' }, { etag: '"two"' }],
    ['versionId', { key: 'state', version_id: 'v1' }, { etag: '"two"' }],
    [
      'versionId, and has others',
      { key: 'state', version_id: 'v1' },
      { etag: '"two"', 'x-amz-version-id': 'v2' },
    ],
  ])('%s: another object than the one that was asked for is refused', async (_, version, headers) => {
    const desk = await open()
    respond = () => object('other content', headers)
    expect(String(await failure(desk.fetch({ ...state, version, destDir: 'w' })))).toContain(
      'has changed since',
    )
  })

  test.each(['"one"', 'one', 'W/"one"'])(
    'the form of an ETag (%s): the same object is the same',
    async (etag) => {
      const desk = await open()
      respond = () => object('content', { etag })
      await desk.fetch({ ...state, version: { key: 'state', etag: '"one"' }, destDir: 'w' })
      expect(readFileSync(join(desk.volume('w'), 'state'), 'utf8')).toBe('content')
    },
  )
})

/** A desk whose volume holds a file of this size. */
async function openWithFile(bytes: number) {
  const desk = await open()
  const content = Buffer.alloc(bytes, 'x')
  mkdirSync(desk.volume('w'), { recursive: true })
  writeFileSync(join(desk.volume('w'), 'file'), content)
  return { desk, content }
}

describe('a push', () => {
  const SIZES = [
    ['small', 1024],
    ['over 8 MiB', 9 * 1024 * 1024],
  ] as const
  test.each(SIZES)(
    'of a file that is %s is tried again after 503, with all of its content',
    async (_, bytes) => {
      const { desk, content } = await openWithFile(bytes)
      respond = () =>
        seen.length < 3 ? refuse(503, 'SlowDown') : new Response(null, { headers: { etag: '"e"' } })
      const { version } = await desk.push({ type: 's3', source, params: { file: 'file' }, srcDir: 'w' })
      expect(version).toEqual({ key: 'file', etag: '"e"' })
      expect(seen.map(({ body }) => Buffer.from(body).equals(content))).toEqual([true, true, true])
    },
  )

  test.each(SIZES)('of a file that is %s is given up after four attempts', async (_, bytes) => {
    const { desk } = await openWithFile(bytes)
    respond = () => refuse(503, 'SlowDown')
    const asked = { type: 's3', source, params: { file: 'file' }, srcDir: 'w' }
    expect(String(await failure(desk.push(asked)))).toContain('responded with 503 SlowDown')
    expect(seen).toHaveLength(4)
  })

  test('that is too large for the server, or a proxy, says that there is a limit', async () => {
    const { desk } = await openWithFile(9 * 1024 * 1024)
    respond = () => new Response('<html>413</html>', { status: 413 })
    const refused = await failure(desk.push({ type: 's3', source, params: { file: 'file' }, srcDir: 'w' }))
    expect(String(refused)).toMatch(/takes no request of this size.*client_max_body_size/s)
  })

  test('that is refused is not repeated', async () => {
    const { desk } = await openWithFile(9 * 1024 * 1024)
    respond = () => refuse(403, 'AccessDenied')
    await failure(desk.push({ type: 's3', source, params: { file: 'file' }, srcDir: 'w' }))
    expect(seen).toHaveLength(1)
  })
})

test('a signature that is refused after others were accepted is not blamed on the key', async () => {
  const desk = await open()
  respond = ({ method }) =>
    method === 'GET' && seen.length === 1
      ? versions([{ id: 'v1', latest: true }])
      : refuse(403, 'SignatureDoesNotMatch')
  const error = String(await failure(desk.fetch({ ...state, destDir: 'w' })))
  expect(error).toContain(
    'does not accept the signature of this request, but did accept others with the same key',
  )
  expect(error).not.toContain('secret_key')
})

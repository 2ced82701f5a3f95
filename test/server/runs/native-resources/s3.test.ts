/** The S3 resource: key patterns, order of versions, checks of its source, and objects of a bucket. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openNetwork } from '../../../../src/guarded-fetch/allowed-networks.ts'
import {
  compareVersions,
  literalPrefix,
  matchKey,
} from '../../../../src/server/runs/native-resources/match-object-keys.ts'
import { readS3Source } from '../../../../src/server/runs/native-resources/s3-source.ts'
import { volumePath } from '../../../../src/server/runs/native-resources/parse-volume-path.ts'
import { testWith } from '../../../support/real-parts/skip-without-part.ts'
import { startS3Front } from '../../../support/real-parts/s3-front.ts'
import { missingS3Part, type S3Server, startS3Server } from '../../../support/real-parts/s3-server.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { failure } from '../run-harness.ts'
import { type Desk, openDesk } from './contract.ts'

const NETWORK = openNetwork(['127.0.0.0/8'])

describe('patterns of keys', () => {
  test.each<[string, string, string[] | undefined]>([
    ['builds/app-*.tgz', 'builds/app-1.2.tgz', ['1.2']],
    ['builds/app-*.tgz', 'builds/old/app-1.tgz', undefined],
    ['builds/app-*.tgz', 'builds/app-1.tgz.sig', undefined],
    ['*/app-*', 'a/app-', ['a', '']],
    ['a*b*c', 'aXbYbZc', ['X', 'YbZ']],
    ['a?c', 'abc', []],
    ['a?c', 'a/c', undefined],
    ['**', 'x', ['', 'x']],
    ['a.c', 'abc', undefined],
    ['(a+)+$', '(a+)+$', []],
    ['', '', []],
  ])('%p on %p gives %p', (pattern, key, stars) => {
    expect(matchKey(pattern, key)).toEqual(stars)
  })

  test('a pattern made to take long does not', () => {
    const started = performance.now()
    expect(matchKey(`${'*a'.repeat(500)}b`, 'a'.repeat(1024))).toBeUndefined()
    expect(performance.now() - started).toBeLessThan(200)
  })

  test('what stands before the first star is asked for', () => {
    expect(literalPrefix('builds/app-*.tgz')).toBe('builds/app-')
    expect(literalPrefix('a?b')).toBe('a')
    expect(literalPrefix('whole')).toBe('whole')
  })

  test('versions are ordered as people count', () => {
    const wanted = [
      '0.9',
      '1.0-alpha',
      '1.0-rc1',
      '1.0-rc2',
      '1.0-rc10',
      '1.0',
      '1.0.1',
      '1.2',
      '1.10',
      '2',
      '010',
    ]
    const shuffled = wanted.toSorted((a, b) => (a < b ? 1 : -1)).map((text) => [text])
    expect(shuffled.toSorted(compareVersions).map(([text]) => text)).toEqual(wanted)
  })
})

describe('what a source may say', () => {
  test.each<[Record<string, unknown>, RegExp]>([
    [{}, /source\.bucket is missing/],
    [{ bucket: '../x' }, /not a name for a bucket/],
    [{ bucket: 'b1-', region: 'x/../y' }, /source\.region is not a region/],
    [{ bucket: 'bucket', endpoint: 'http://10.0.0.1:9000' }, /source\.endpoint is http/],
    [{ bucket: 'bucket', endpoint: 'file:///etc' }, /not an address/],
    [{ bucket: 'bucket', endpoint: 'https://a:b@example.com' }, /not an address/],
    [{ bucket: 'bucket', key: 'a', pattern: 'b' }, /more than one of key, pattern and prefix/],
    [{ bucket: 'bucket', credentials: { access_key: 'a' } }, /source\.credentials\.secret_key is missing/],
    [{ bucket: 'bucket', credentials: { access_key: 1, secret_key: 'b' } }, /access_key has the wrong type/],
  ])('%p is refused', (source, reason) => expect(() => readS3Source(source, {}, NETWORK)).toThrow(reason))

  test('an endpoint that the operator set holds where the source has none', () => {
    const env = { AWS_ENDPOINT_URL: 'http://minio:9000' }
    expect(readS3Source({ bucket: 'bucket' }, env, NETWORK).endpoint).toBe('http://minio:9000')
    expect(
      readS3Source({ bucket: 'bucket', endpoint: 'https://s3.example.com/' }, env, NETWORK).endpoint,
    ).toBe('https://s3.example.com')
  })

  test.each([
    ['/workspace', 'workspace', '.'],
    ['workspace/', 'workspace', '.'],
    ['workspace/a/b', 'workspace', 'a/b'],
  ])('%p is a path in a volume', (text, volume, path) =>
    expect(volumePath(text, 'destDir')).toEqual({ volume, path }),
  )

  test.each(['', '/', '..', 'a/../b', 'a//b', 'a/./b', '../a', '-a', 'a b', 'a/\0'])('%p is none', (text) =>
    expect(() => volumePath(text, 'destDir')).toThrow('destDir is not a path in a volume'),
  )
})

describe('a bucket', () => {
  const missing = missingS3Part()
  let server: S3Server | undefined
  beforeAll(async () => {
    if (missing === undefined) server = await startS3Server()
  }, 90_000)
  afterAll(() => server?.stop())

  let buckets = 0
  async function newBucket(): Promise<{
    s3: S3Server
    bucket: string
    source: Record<string, unknown>
    desk: Desk
  }> {
    if (!server) throw new Error('no S3 server')
    const bucket = `objects-${++buckets}`
    await server.createBucket(bucket)
    const credentials = { access_key: 'secret:AWS_ACCESS_KEY', secret_key: 'secret:AWS_SECRET_KEY' }
    const source = { bucket, endpoint: server.endpoint, credentials }
    const desk = await openDesk({
      AWS_ACCESS_KEY: server.accessKeyId,
      AWS_SECRET_KEY: server.secretAccessKey,
    })
    return { s3: server, bucket, source, desk }
  }

  testWith(missing, 'by a pattern, the highest version is the newest, whenever it was stored', async () => {
    const { s3, bucket, source, desk } = await newBucket()
    for (const name of ['app-1.10.tgz', 'app-1.9.tgz', 'app-1.2.tgz', 'other.txt'])
      await s3.put(bucket, name, name)
    const asked = { type: 's3', source: { ...source, pattern: 'app-*.tgz' } }
    const [newest] = await desk.check(asked)
    expect(newest?.key).toBe('app-1.10.tgz')
    const from = await desk.check({ ...asked, version: { key: 'app-1.9.tgz', etag: '"x"' } })
    expect(from).toHaveLength(1)
    await desk.fetch({ ...asked, destDir: 'w' })
    expect(readdirSync(desk.volume('w'))).toEqual(['app-1.10.tgz'])
  })

  testWith(missing, 'where the bucket keeps versions, one object has many', async () => {
    const { s3, bucket, source, desk } = await newBucket()
    await s3.keepVersions(bucket)
    for (const text of ['one', 'two', 'three']) await s3.put(bucket, 'state.json', text)
    const asked = { type: 's3', source: { ...source, key: 'state.json' } }
    const [newest] = await desk.check(asked)
    expect(newest?.version_id).toBeString()
    await s3.put(bucket, 'state.json', 'four')
    const versions = await desk.check({ ...asked, version: newest })
    expect(versions).toHaveLength(2)
    await desk.fetch({ ...asked, version: versions[0], destDir: 'w' })
    expect(readFileSync(join(desk.volume('w'), 'state.json'), 'utf8')).toBe('three')
  })

  testWith(
    missing,
    'where it keeps none, a version that was written over is not exchanged for another',
    async () => {
      const { s3, bucket, source, desk } = await newBucket()
      await s3.put(bucket, 'state.json', 'one')
      const asked = { type: 's3', source: { ...source, key: 'state.json' } }
      const [version] = await desk.check(asked)
      await s3.put(bucket, 'state.json', 'two')
      expect(String(await failure(desk.fetch({ ...asked, version, destDir: 'w' })))).toContain(
        'has changed since',
      )
    },
  )

  testWith(missing, 'S92: params.unpack puts what an archive holds into the volume', async () => {
    const { s3, bucket, source, desk } = await newBucket()
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'bin'))
    writeFileSync(join(folder, 'bin/app'), '#!/bin/sh\n', { mode: 0o755 })
    for (const [name, flags] of [
      ['app.tar', '-cf'],
      ['app.tgz', '-czf'],
    ] as const) {
      const file = join(temporaryFolder(), name)
      Bun.spawnSync({ cmd: ['tar', flags, file, '-C', folder, '.'] })
      await s3.put(bucket, name, readFileSync(file))
      const asked = { type: 's3', source: { ...source, key: name }, params: { unpack: true } }
      // S90: the version is that of a git repository in the documents' own example.
      await desk.fetch({ ...asked, version: { ref: 'a'.repeat(40) }, destDir: `/${name}` })
      expect(readFileSync(join(desk.volume(name), 'bin/app'), 'utf8')).toBe('#!/bin/sh\n')
    }
  })

  testWith(missing, 'what is no archive, or a hostile one, is refused', async () => {
    const { s3, bucket, source, desk } = await newBucket()
    const folder = temporaryFolder()
    symlinkSync('/etc/passwd', join(folder, 'link'))
    Bun.spawnSync({ cmd: ['tar', '-cf', join(folder, 'evil.tar'), '-C', folder, 'link'] })
    await s3.put(bucket, 'evil.tar', readFileSync(join(folder, 'evil.tar')))
    await s3.put(bucket, 'text.tar', 'hello')
    const unpack = (key: string) =>
      desk.fetch({ type: 's3', source: { ...source, key }, params: { unpack: true }, destDir: 'w' })
    expect(String(await failure(unpack('evil.tar')))).toContain(
      'cannot be unpacked: the link "link" leads out',
    )
    expect(String(await failure(unpack('text.tar')))).toContain('cannot be unpacked: it is not a tar')
  })

  testWith(missing, 'a push stores all files of a folder, and follows no link', async () => {
    const { s3, bucket, source, desk } = await newBucket()
    const volume = desk.volume('w')
    mkdirSync(join(volume, 'dist/css'), { recursive: true })
    writeFileSync(join(volume, 'dist/index.html'), 'index')
    writeFileSync(join(volume, 'dist/css/a.css'), 'css')
    writeFileSync(join(volume, 'dist/large.bin'), Buffer.alloc(9 * 1024 * 1024, 'x'))
    symlinkSync('/etc/passwd', join(volume, 'dist/passwd'))
    symlinkSync('/etc', join(volume, 'dist/etc'))
    const push = (params: Record<string, unknown>) =>
      desk.push({ type: 's3', source, params, srcDir: 'w/dist' })
    const { metadata } = await push({ prefix: 'site/' })
    expect(metadata).toContainEqual({ name: 'files', value: '3' })
    const stored = await s3.objects(bucket)
    expect([...stored.keys()]).toEqual(['site/css/a.css', 'site/index.html', 'site/large.bin'])
    expect(stored.get('site/large.bin')?.length).toBe(9 * 1024 * 1024)
    for (const file of ['passwd', 'etc/passwd', 'nope']) {
      expect(String(await failure(push({ file })))).toContain(`there is no file ${file} in srcDir`)
    }
    for (const file of ['../x', '/etc/passwd', '']) {
      expect(String(await failure(push({ file })))).toContain('params.file is not a path')
    }
    expect(String(await failure(push({ key: 'x' })))).toContain('params.key is for one file')
  })

  testWith(missing, 'a listing of several pages is read to its end', async () => {
    const { s3, bucket, source, desk } = await newBucket()
    const front = startS3Front(s3, { pageSize: 3 })
    for (let at = 1; at <= 8; at++) await s3.put(bucket, `b/${at}`, 'x')
    const asked = { type: 's3', source: { ...source, endpoint: front.endpoint, pattern: 'b/*' } }
    expect((await desk.check(asked))[0]?.key).toBe('b/8')
    expect(front.requests.length).toBe(3)
    front.stop()
  })

  testWith(
    missing,
    "without credentials a request is not signed, and never with the server's own",
    async () => {
      const { s3, bucket, source } = await newBucket()
      const front = startS3Front(s3)
      await s3.put(bucket, 'a', 'x')
      const env = {
        ...process.env,
        AWS_ACCESS_KEY_ID: 'operators-own',
        AWS_SECRET_ACCESS_KEY: 'operators-secret',
      }
      Object.assign(process.env, env)
      const desk = await openDesk({}, { env })
      try {
        const open = { bucket, endpoint: front.endpoint }
        expect((await desk.check({ type: 's3', source: open }))[0]?.key).toBe('a')
        expect(front.requests.map(({ headers }) => headers.get('authorization'))).toEqual([null])
        expect(
          String(await failure(desk.check({ type: 's3', source: { ...open, endpoint: source.endpoint } }))),
        ).toMatch(/may not|responded with 4/)
      } finally {
        delete process.env.AWS_ACCESS_KEY_ID
        delete process.env.AWS_SECRET_ACCESS_KEY
        front.stop()
      }
    },
  )

  testWith(
    missing,
    'a server of the inside is asked only where the operator has allowed it, by whatever name',
    async () => {
      const { s3, bucket, source } = await newBucket()
      await s3.put(bucket, 'a', 'x')
      const secrets = { AWS_ACCESS_KEY: s3.accessKeyId, AWS_SECRET_KEY: s3.secretAccessKey }
      const { port } = new URL(s3.endpoint)
      const closed = await openDesk(secrets, { allowed: [] })
      for (const endpoint of [`https://127.0.0.1:${port}`, `https://inside.example.com:${port}`]) {
        const error = String(await failure(closed.check({ type: 's3', source: { ...source, endpoint } })))
        expect(error).toContain('is not a place on the internet')
      }
      const open = await openDesk(secrets, { allowed: ['inside.example.com'] })
      const endpoint = `http://inside.example.com:${port}`
      expect(await open.check({ type: 's3', source: { ...source, endpoint } })).toHaveLength(1)
      const operators = await openDesk(secrets, { allowed: [], env: { AWS_ENDPOINT_URL: s3.endpoint } })
      const { endpoint: _own, ...plain } = source
      expect(await operators.check({ type: 's3', source: plain })).toHaveLength(1)
    },
  )

  testWith(missing, 'a bucket, an object or a server that is not there is said so', async () => {
    const { s3, source, desk } = await newBucket()
    const check = (more: Record<string, unknown>) =>
      desk.check({ type: 's3', source: { ...source, ...more } })
    expect(String(await failure(check({ bucket: 'not-there' })))).toContain('there is no bucket not-there at')
    expect(await check({ key: 'nope' })).toEqual([])
    const fetch = desk.fetch({ type: 's3', source: { ...source, key: 'nope' }, destDir: 'w' })
    expect(String(await failure(fetch))).toContain('there is no such object in')
    const unreachable = s3.endpoint.replace(/\d+$/, '1')
    expect(String(await failure(check({ endpoint: unreachable })))).toContain('cannot reach')
  })
})

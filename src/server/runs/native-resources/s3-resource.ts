/** The native resource `s3`: check for objects, fetch one into a volume (unpacked if wanted), push files. */
import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { unpackArchive } from '../../../platform/archives/unpack-archive.ts'
import { ArchiveError, type ArchiveLimits } from '../../../platform/archives/unpack-target-folder.ts'
import { compareVersions, literalPrefix, matchKey } from './match-object-keys.ts'
import { parse, plainText } from '../parse-host-call-fields.ts'
import type { Outcome, Outside, Resource, Version, Workplace } from './resource-interface.ts'
import { type Body, type Bucket, openBucket } from './s3-bucket.ts'
import { isVersion, type S3Object, versionOf } from './s3-object-versions.ts'
import { type Objects, readS3Source, type S3Source } from './s3-source.ts'

/** The most versions of one check; older ones are left out. */
const MAX_VERSIONS = 1000
/** The largest object, and the largest content of an archive. */
const MAX_BYTES = 16 * 1024 ** 3
const ARCHIVE: ArchiveLimits = { maxBytes: MAX_BYTES, maxEntries: 500_000, strays: 'refuse' }
const MAX_FILES = 10_000
/** The largest upload of one S3 request. */
const MAX_PUT_BYTES = 5 * 1024 ** 3
/** Files up to this size are read whole, so that a request can be repeated. */
const SMALL_BYTES = 8 * 1024 ** 2

const fetchParams = v.strictObject({
  /** Unpacks a tar, tar.gz or zip archive. */
  unpack: v.optional(v.boolean(), false),
})
const relative = v.pipe(
  plainText,
  v.check(
    (path) => path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    'is not a path in srcDir',
  ),
)
const pushParams = v.strictObject({
  /** One file of srcDir; absent: all files. */
  file: v.optional(relative),
  /** The key of that one file. */
  key: v.optional(v.pipe(plainText, v.nonEmpty('is empty'), v.maxLength(1024, 'has over 1024 characters'))),
  /** A prefix of the key of each file. */
  prefix: v.optional(v.pipe(plainText, v.maxLength(1024, 'has over 1024 characters'))),
})

/** Objects of a bucket; a version is `{ key, version_id }`, or `{ key, etag }` where no versions are kept. */
export function createS3Resource({ env, network, reach }: Outside): Resource {
  async function within<T>(
    asked: { source: unknown },
    { signal }: Workplace,
    work: (bucket: Bucket, source: S3Source) => Promise<T>,
  ): Promise<T> {
    const source = readS3Source(asked.source, env, network)
    const bucket = await openBucket(source, reach, signal)
    try {
      return await work(bucket, source)
    } finally {
      bucket.close()
    }
  }

  return {
    async check({ since, ...asked }, at) {
      parse(v.strictObject({}), asked.params, 'params.')
      const { all, isDeleted } = await within(asked, at, (bucket, { objects }) => findAll(bucket, objects))
      const from = since === undefined ? -1 : all.findIndex((object) => isVersion(object, since))
      const newest = isDeleted ? [] : all.slice(-1)
      const wanted = from < 0 ? newest : all.slice(from)
      return wanted.slice(-MAX_VERSIONS).map(versionOf)
    },

    async fetch({ version, ...asked }, folder, at) {
      const { unpack } = parse(fetchParams, asked.params, 'params.')
      return await within(asked, at, async (bucket, source) => {
        const which = await findOne(bucket, source, version)
        const object = await bucket.get(which.key, which)
        const file = join(at.scratch, 'object')
        await pipeline(object.body, atMost(MAX_BYTES), createWriteStream(file), { signal: at.signal })
        if (unpack) await unpackArchive(file, folder, ARCHIVE, at.signal).catch(notUnpacked)
        else await rename(file, join(folder, fileName(object.key)))
        return outcome({ ...object, versionId: which.versionId ?? object.versionId })
      })
    },

    async push(asked, folder, at) {
      const params = parse(pushParams, asked.params, 'params.')
      if (params.key !== undefined && params.file === undefined) {
        throw new Fault('usage', 'params.key is for one file', { hint: 'name it with params.file' })
      }
      const paths = params.file === undefined ? await filesBelow(folder) : [params.file]
      return await within(asked, at, async (bucket, { objects }) => {
        const below = params.prefix ?? (objects.kind === 'prefix' ? objects.prefix : '')
        let last: Outcome | undefined
        for (const path of paths) last = await putFile(bucket, folder, path, params.key ?? `${below}${path}`)
        if (last === undefined) throw new Fault('failed', 'there is no file to push')
        return { ...last, metadata: [...last.metadata, { name: 'files', value: String(paths.length) }] }
      })
    },
  }
}

interface Found {
  /** Newest last. */
  all: S3Object[]
  /** These are versions of an object that was deleted since: none of them is the newest. */
  isDeleted: boolean
}

async function findAll(bucket: Bucket, objects: Objects): Promise<Found> {
  if (objects.kind === 'key') return await findVersions(bucket, objects.key)
  return { all: await findObjects(bucket, objects), isDeleted: false }
}

async function findVersions(bucket: Bucket, key: string): Promise<Found> {
  const { versions = [], isDeleted = false } = (await bucket.versions(key)) ?? {}
  if (versions.length > 0 || isDeleted) return { all: versions.toReversed(), isDeleted }
  // A server may also ignore that versions were asked for.
  const object = await bucket.head(key)
  return { all: object ? [object] : [], isDeleted: false }
}

/** The objects that the source selects, newest last. */
async function findObjects(bucket: Bucket, objects: Exclude<Objects, { kind: 'key' }>): Promise<S3Object[]> {
  if (objects.kind === 'prefix') {
    const found = await bucket.list(objects.prefix)
    return found.toSorted((a, b) => a.modified - b.modified || (a.key < b.key ? -1 : 1))
  }
  const { pattern } = objects
  const found = (await bucket.list(literalPrefix(pattern))).flatMap((object) => {
    const stars = matchKey(pattern, object.key)
    return stars === undefined ? [] : [{ object, stars }]
  })
  return found.toSorted((a, b) => compareVersions(a.stars, b.stars)).map(({ object }) => object)
}

/** A version without a key, such as one of another resource, means the newest object. */
async function findOne(bucket: Bucket, { bucket: name, objects }: S3Source, version: Version | undefined) {
  const key = version?.key
  if (key !== undefined) return { key, ...select(version?.version_id, version?.etag) }
  const { all, isDeleted } = await findAll(bucket, objects)
  if (isDeleted) {
    throw new Fault('failed', `the object was deleted from ${name}`, {
      hint: 'its earlier versions can be fetched by their version',
    })
  }
  const newest = all.at(-1)
  if (!newest) throw new Fault('failed', `there is no such object in ${name}`)
  return { key: newest.key, ...select(newest.versionId, newest.etag) }
}

function select(versionId: string | undefined, etag: string | undefined) {
  return { ...(versionId !== undefined && { versionId }), ...(etag !== undefined && { etag }) }
}

function outcome(object: S3Object): Outcome {
  const metadata = [
    { name: 'key', value: object.key },
    { name: 'size', value: String(object.size) },
    { name: 'etag', value: object.etag },
  ]
  const modified = { name: 'last_modified', value: new Date(object.modified).toISOString() }
  return { version: versionOf(object), metadata: object.modified > 0 ? [...metadata, modified] : metadata }
}

function notUnpacked(error: unknown): never {
  if (error instanceof ArchiveError) throw new Fault('failed', `cannot be unpacked: ${error.message}`)
  throw error
}

function atMost(bytes: number): Transform {
  let count = 0
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      count += chunk.length
      if (count > bytes) done(new Fault('failed', `it is longer than ${bytes} bytes`))
      else done(null, chunk)
    },
  })
}

/** The last segment of a key, if it can be the name of a file. */
function fileName(key: string): string {
  const last = key.split('/').at(-1) ?? ''
  const isName = last !== '' && last !== '.' && last !== '..' && !/[\0\\]/.test(last)
  return isName && Buffer.byteLength(last) <= 255 ? last : 'object'
}

/** The paths of the files in a folder. Links are left out, because they could lead anywhere on this machine. */
async function filesBelow(folder: string, under = ''): Promise<string[]> {
  const found: string[] = []
  for (const entry of (await readdir(folder, { withFileTypes: true })).toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = `${under}${entry.name}`
    if (entry.isDirectory()) found.push(...(await filesBelow(join(folder, entry.name), `${path}/`)))
    else if (entry.isFile()) found.push(path)
    if (found.length > MAX_FILES) throw new Fault('failed', `there are more than ${MAX_FILES} files to push`)
  }
  return found
}

async function putFile(bucket: Bucket, folder: string, path: string, key: string): Promise<Outcome> {
  const file = await realFile(folder, path)
  const { size } = await lstat(file)
  if (size > MAX_PUT_BYTES) throw new Fault('failed', `${path} has more than 5 GiB`)
  const body: Body =
    size <= SMALL_BYTES
      ? { kind: 'bytes', bytes: await readFile(file) }
      : { kind: 'stream', open: () => createReadStream(file) }
  const { etag, versionId } = await bucket.put(key, body, size)
  return outcome({ key, size, etag, versionId, modified: 0 })
}

/** Whether the path is a file, and no part of it is a link. */
async function realFile(folder: string, path: string): Promise<string> {
  let at = folder
  const parts = path.split('/')
  for (const [depth, part] of parts.entries()) {
    at = join(at, part)
    const stat = await lstat(at).catch(() => undefined)
    const fits = depth === parts.length - 1 ? stat?.isFile() : stat?.isDirectory()
    if (fits !== true) throw new Fault('failed', `there is no file ${path} in srcDir`)
  }
  return at
}

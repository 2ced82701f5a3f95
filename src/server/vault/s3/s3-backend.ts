/** The store for secrets in an S3 bucket. */
import * as v from 'valibot'
import { parseJson } from '../../../platform/parse-json.ts'
import type { Log } from '../../log.ts'
import type { Backend, StoredRecord } from '../backend-interface.ts'
import { statusOf } from './explain-s3-errors.ts'
import type { S3Settings } from './s3-settings.ts'
import { type Condition, openS3Objects, type S3Object, type S3Objects } from './s3-objects.ts'
import { probeBucket } from './probe-s3-bucket.ts'
import type { SecretPlace, SecretScope } from '../vault-interface.ts'

/** Objects that are asked for at once. */
const AT_ONCE = 16
/** Times of objects that are remembered, so that a list need not fetch what has not changed. */
const MAX_REMEMBERED = 10_000
/** The tenant of what has none, in an object's name. */
const NO_TENANT = '_'

const recordSchema = v.strictObject({
  version: v.literal(1),
  updatedAt: v.number(),
  sealed: v.pipe(v.string(), v.base64()),
})

/**
 * Sealed values in a bucket, one object each: `PREFIX/secrets/TENANT/SCOPE/KEY`, and the header in
 * `PREFIX/vault.json`. Writes are conditional on the object's ETag where the server knows that.
 * @throws Fault `config` or `unreachable` saying what to fix, when the bucket cannot be used as it has to be
 */
export async function openS3Backend(settings: S3Settings, log: Log): Promise<Backend> {
  const objects = await openS3Objects(settings)
  try {
    const { conditional } = await probeBucket(objects, settings)
    if (!settings.sealed) warnOfReaders(settings, log)
    if (!conditional) {
      log.warn('the S3 server has no conditional writes: use this bucket and prefix from one server only', {
        bucket: settings.bucket,
      })
    }
    return s3Backend({ objects, settings, conditional })
  } catch (error) {
    objects.close()
    throw error
  }
}

/** Without a passphrase of ours, what the store encrypts it also decrypts for all who may read from it. */
function warnOfReaders({ bucket, sse }: S3Settings, log: Log): void {
  if (sse === undefined) return
  const rights = sse === 'sse-kms' ? 's3:GetObject and kms:Decrypt' : 's3:GetObject'
  log.warn(
    `secrets are stored without a passphrase: everybody with ${rights} on the bucket can read them, and so can the operators of the S3 server`,
    { bucket, hint: '--secrets-s3-passphrase-file PATH encrypts them before they are sent' },
  )
}

function s3Backend(deps: { objects: S3Objects; settings: S3Settings; conditional: boolean }): Backend {
  const { objects, settings } = deps
  const { prefix, bucket, sse } = settings
  const headerKey = `${prefix}vault.json`
  const root = `${prefix}secrets/`
  const times = new Map<string, { etag: string; updatedAt: number }>()
  let customerKey: Buffer | undefined
  const keyForNew = () => (sse === 'sse-c' ? customerKey : undefined)

  /** What was stored before SSE-C was switched on or off has to be asked for the other way. */
  async function eitherWay<T>(ask: (key: Buffer | undefined) => Promise<T>): Promise<T> {
    try {
      return await ask(keyForNew())
    } catch (error) {
      const refused = error instanceof Error && statusOf(error.cause) === 400
      if (!refused || customerKey === undefined) throw error
      return ask(keyForNew() === undefined ? customerKey : undefined)
    }
  }

  const fetchRecord = (name: string) => eitherWay((key) => objects.get(name, key))

  async function put(name: string, body: string, condition: Condition | undefined, key?: Buffer) {
    if (condition === undefined || deps.conditional) {
      return (
        (await objects.put(name, body, { ...(condition && { condition }), customerKey: key })) === 'written'
      )
    }
    // Second best: look first. Another server could write between this look and our write, and be overwritten.
    const etag = await eitherWay((customer) => objects.etag(name, customer))
    if (etag !== (condition.kind === 'etag' ? condition.etag : undefined)) return false
    return (await objects.put(name, body, { customerKey: key })) === 'written'
  }

  async function updatedAt({ key, etag }: { key: string; etag: string }): Promise<number | undefined> {
    const known = times.get(key)
    if (known?.etag === etag) return known.updatedAt
    const object = await fetchRecord(key)
    if (object === undefined) return undefined
    const time = parseRecord(object).updatedAt
    if (times.size >= MAX_REMEMBERED) times.clear()
    times.set(key, { etag: object.etag, updatedAt: time })
    return time
  }

  async function placesUnder(names: string) {
    const found = await objects.list(names)
    return found.flatMap((object) => {
      const place = parseName(object.key.slice(root.length))
      return place === undefined ? [] : [{ object, place }]
    })
  }

  return {
    name: `s3://${bucket}/${prefix}`.replace(/\/$/, ''),
    mayHoldPlain: true,

    async readHeader() {
      const object = await objects.get(headerKey)
      return object === undefined ? undefined : { text: object.body.toString(), revision: object.etag }
    },

    writeHeader: (text, expected) =>
      put(headerKey, text, expected === undefined ? { kind: 'absent' } : { kind: 'etag', etag: expected }),

    async read(place) {
      const object = await fetchRecord(nameOf(root, place))
      return object === undefined ? undefined : { record: parseRecord(object), revision: object.etag }
    },

    write(place, { sealed, updatedAt }, expected) {
      const body = JSON.stringify({ version: 1, updatedAt, sealed: sealed.toString('base64') })
      const condition: Condition | undefined =
        expected === undefined ? undefined : { kind: 'etag', etag: expected }
      return put(nameOf(root, place), body, condition, keyForNew())
    },

    async remove(place) {
      const name = nameOf(root, place)
      const there = (await eitherWay((key) => objects.etag(name, key))) !== undefined
      if (there) await objects.delete(name)
      return there
    },

    async list(tenantId, scope) {
      const found = await placesUnder(`${root}${folderOf(tenantId, scope)}`)
      const entries = await mapAtOnce(found, AT_ONCE, async ({ object, place }) => {
        const time = await updatedAt(object)
        return time === undefined ? undefined : { ...place, updatedAt: time }
      })
      return entries.filter((entry) => entry !== undefined)
    },

    places: async () => (await placesUnder(root)).map(({ place }) => place),

    storeKey: {
      wanted: sse === 'sse-c',
      use(key) {
        customerKey = key
      },
    },

    close: async () => objects.close(),
  }
}

/** An object that is not a record of ours is returned as a record that does not open. */
function parseRecord({ body }: S3Object): StoredRecord {
  const parsed = v.safeParse(recordSchema, parseJson(body.toString()))
  if (!parsed.success) return { sealed: Buffer.alloc(0), updatedAt: 0 }
  return { sealed: Buffer.from(parsed.output.sealed, 'base64'), updatedAt: parsed.output.updatedAt }
}

function folderOf(tenantId: string, scope?: SecretScope): string {
  const tenant = tenantId === '' ? NO_TENANT : encodeURIComponent(tenantId)
  if (scope === undefined) return `${tenant}/`
  const [kind, id] = scope.split(/\/(.*)/s)
  return `${tenant}/${kind}/${id === undefined ? '' : `${encodeURIComponent(id)}/`}`
}

function nameOf(root: string, { tenantId, scope, key }: SecretPlace): string {
  return `${root}${folderOf(tenantId, scope)}${key}`
}

/** Undefined for objects that somebody else put there. */
function parseName(name: string): SecretPlace | undefined {
  const match = /^([^/]+)\/(?:(server|global)|(pipeline|run)\/([^/]+))\/([A-Za-z_]\w*)$/.exec(name)
  const [, tenant, scope, kind, id, key] = match ?? []
  if (tenant === undefined || key === undefined) return undefined
  try {
    return {
      tenantId: tenant === NO_TENANT ? '' : decodeURIComponent(tenant),
      scope:
        scope === 'server' || scope === 'global'
          ? scope
          : `${kind === 'run' ? 'run' : 'pipeline'}/${decodeURIComponent(id ?? '')}`,
      key,
    }
  } catch {
    return undefined
  }
}

async function mapAtOnce<T, U>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<U>,
): Promise<U[]> {
  const out: U[] = []
  for (let i = 0; i < items.length; i += most) {
    out.push(...(await Promise.all(items.slice(i, i + most).map(work))))
  }
  return out
}

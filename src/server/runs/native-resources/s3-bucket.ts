/** The calls that the S3 resource makes to a bucket, over the AWS SDK, with checked addresses. */
import type { S3Client } from '@aws-sdk/client-s3'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Readable } from 'node:stream'
import { Fault } from '../../../contract/fault.ts'
import { hostOf } from '../../../guarded-fetch/request-checked-address.ts'
import type { AllowedResolver } from '../../../guarded-fetch/resolve-allowed-address.ts'
import { codeOf, statusOf } from '../../vault/s3/explain-s3-errors.ts'
import { explain } from './explain-s3-resource-errors.ts'
import { retryUpload } from './retry-s3-upload.ts'
import {
  isWanted,
  objectOf,
  type ObjectVersions,
  type S3Object,
  versionsIn,
  type Wanted,
} from './s3-object-versions.ts'
import type { S3Source } from './s3-source.ts'

/** The most keys of one check: more than a hundred pages of a listing. */
const MAX_KEYS = 200_000
const ATTEMPTS = 4
const CONNECT_MS = 10_000
/** Without a byte. */
const QUIET_MS = 60_000

/** What is uploaded; a stream is opened for each attempt. */
export type Body = { kind: 'bytes'; bytes: Uint8Array } | { kind: 'stream'; open: () => Readable }

/** The calls to a bucket. All methods throw a Fault that says what to fix, never with a key of an account. */
export interface Bucket {
  /** All objects whose key starts with `prefix`. */
  list(prefix: string): Promise<S3Object[]>
  /** All versions of one object; undefined where the server does not list versions, or the credentials may not. */
  versions(key: string): Promise<ObjectVersions | undefined>
  /** The current object; undefined when there is none. */
  head(key: string): Promise<S3Object | undefined>
  /** @throws Fault also where the server has something else than what is wanted */
  get(key: string, wanted: Wanted): Promise<S3Object & { body: Readable }>
  put(key: string, body: Body, size: number): Promise<Pick<S3Object, 'etag' | 'versionId'>>
  close(): void
}

/** Loads the SDK at first use, because that takes a moment. */
export async function openBucket(
  source: S3Source,
  reach: AllowedResolver,
  signal: AbortSignal,
): Promise<Bucket> {
  const sdk = await import('@aws-sdk/client-s3')
  // An IP address needs no lookup.
  if (source.endpoint !== undefined && !source.isOperators)
    await reach.addresses(hostOf(new URL(source.endpoint)))
  const client = createClient(sdk.S3Client, source, reach)
  const within = { abortSignal: signal }
  const Bucket = source.bucket
  let keyIsGood = false

  /** `missing`: the result when there is no such object. */
  async function ask<T>(what: string, work: () => Promise<T>, missing?: { response: T }): Promise<T> {
    try {
      const result = await work()
      keyIsGood = true
      return result
    } catch (error) {
      signal.throwIfAborted()
      const isMissing = statusOf(error) === 404 && codeOf(error) !== 'NoSuchBucket'
      keyIsGood ||= isMissing
      if (missing && isMissing) return missing.response
      throw explain(error, source, { what, keyIsGood })
    }
  }

  const send = async (object: { Key: string; Body: Readable | Uint8Array; ContentLength: number }) =>
    client.send(new sdk.PutObjectCommand({ Bucket, ...object }), within)

  return {
    list: (Prefix) =>
      ask('list', async () => {
        const found: S3Object[] = []
        let ContinuationToken: string | undefined
        do {
          const page = await client.send(
            new sdk.ListObjectsV2Command({ Bucket, Prefix, ContinuationToken }),
            within,
          )
          for (const entry of page.Contents ?? [])
            if (entry.Key !== undefined) found.push(objectOf(entry.Key, entry))
          if (found.length > MAX_KEYS) {
            throw new Fault(
              'failed',
              `${Bucket} has more than ${MAX_KEYS} objects below ${JSON.stringify(Prefix)}`,
              {
                hint: 'give a longer source.prefix, or a source.pattern with more before its first *',
              },
            )
          }
          ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined
        } while (ContinuationToken !== undefined)
        return found
      }),

    versions: (key) =>
      ask<ObjectVersions | undefined>(
        'list versions',
        async () =>
          versionsIn(
            await client.send(new sdk.ListObjectVersionsCommand({ Bucket, Prefix: key }), within),
            key,
          ),
        { response: undefined },
      ).catch((error: unknown) => {
        if (!(error instanceof Fault) || !listsNoVersions(error.cause)) throw error
        return undefined
      }),

    head: (key) =>
      ask<S3Object | undefined>(
        'get',
        async () => {
          const response = await client.send(new sdk.HeadObjectCommand({ Bucket, Key: key }), within)
          return objectOf(key, { ...response, Size: response.ContentLength })
        },
        { response: undefined },
      ),

    get: (Key, wanted) =>
      ask('get', async () => {
        const { versionId, etag } = wanted
        const which = versionId === undefined ? { IfMatch: etag } : { VersionId: versionId }
        const response = await client.send(new sdk.GetObjectCommand({ Bucket, Key, ...which }), within)
        // Outside browsers it is a stream of node.
        const body = response.Body as Readable | undefined
        if (body === undefined) throw new Fault('failed', `${Key} came without content`)
        if (!isWanted(response, wanted)) {
          body.destroy()
          throw new Fault('failed', 'the object has changed since', {
            hint: 'check for its newest version again',
          })
        }
        return { ...objectOf(Key, { ...response, Size: response.ContentLength }), body }
      }),

    put: (Key, body, ContentLength) =>
      ask('put', async () => {
        const { ETag = '', VersionId } =
          body.kind === 'bytes'
            ? await send({ Key, Body: body.bytes, ContentLength })
            : await retryUpload(() => sendStream(body.open(), (Body) => send({ Key, Body, ContentLength })), {
                attempts: ATTEMPTS,
                signal,
              })
        return { etag: ETag, versionId: VersionId === 'null' ? undefined : VersionId }
      }),

    close: () => client.destroy(),
  }
}

function createClient(
  Client: typeof S3Client,
  { endpoint, region, credentials, isOperators }: S3Source,
  { lookup }: AllowedResolver,
): S3Client {
  const agent = isOperators ? {} : { lookup }
  return new Client({
    region,
    // Servers other than AWS rarely have a host name for every bucket.
    ...(endpoint === undefined ? { followRegionRedirects: true } : { endpoint, forcePathStyle: true }),
    // Never the credentials of the server itself: its variables, its profile, the role of its machine.
    ...(credentials === undefined
      ? { credentials: NOBODY, signer: { sign: async (request) => request } }
      : {
          credentials: async () => ({
            accessKeyId: credentials.accessKey.reveal(),
            secretAccessKey: credentials.secretKey.reveal(),
            ...(credentials.sessionToken && { sessionToken: credentials.sessionToken.reveal() }),
          }),
        }),
    retryMode: 'standard',
    maxAttempts: ATTEMPTS,
    // Else the SDK writes to the console that it does not repeat a stream.
    logger: SILENT,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: QUIET_MS,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    },
    // Most other servers do not support trailing checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

/** Refused with 403 as a missing right is, but about the credentials and so about every request. */
const CREDENTIAL_CODES = new Set([
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
])

/** No right to list versions (403), or a server that has none. */
function listsNoVersions(error: unknown): boolean {
  const status = statusOf(error)
  return status === 405 || status === 501 || (status === 403 && !CREDENTIAL_CODES.has(codeOf(error)))
}

/** A stream that was not read to its end would keep its file open. */
async function sendStream<T>(stream: Readable, send: (body: Readable) => Promise<T>): Promise<T> {
  try {
    return await send(stream)
  } finally {
    stream.destroy()
  }
}

const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }
const NOBODY = { accessKeyId: 'nobody', secretAccessKey: 'nobody' }

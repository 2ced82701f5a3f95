/** The calls that the S3 resource makes to a bucket, over the AWS SDK, with checked addresses. */
import type { S3Client } from '@aws-sdk/client-s3'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Readable } from 'node:stream'
import { Fault } from '../../../contract/fault.ts'
import { fetchFailure } from '../../../platform/network/describe-fetch-failure.ts'
import { hostOf } from '../script-fetch/request-checked-address.ts'
import type { AllowedResolver } from '../script-fetch/resolve-allowed-address.ts'
import { codeOf, statusOf } from '../../vault/s3/explain-s3-errors.ts'
import type { S3Source } from './s3-source.ts'

/** The most keys of one check: more than a hundred pages of a listing. */
const MAX_KEYS = 200_000
const ATTEMPTS = 4
const CONNECT_MS = 10_000
/** Without a byte. */
const QUIET_MS = 60_000

export interface S3Object {
  key: string
  etag: string
  modified: number
  size: number
  /** Present when the bucket keeps versions. */
  versionId: string | undefined
}

/** The calls to a bucket. All methods throw a Fault that says what to fix, never with a key of an account. */
export interface Bucket {
  /** All objects whose key starts with `prefix`. */
  list(prefix: string): Promise<S3Object[]>
  /** All versions of one object, newest first; empty when the server keeps none. */
  versions(key: string): Promise<S3Object[]>
  /** The current object; undefined when there is none. */
  head(key: string): Promise<S3Object | undefined>
  get(key: string, which: { versionId?: string; etag?: string }): Promise<S3Object & { body: Readable }>
  put(key: string, body: Readable | Uint8Array, size: number): Promise<Pick<S3Object, 'etag' | 'versionId'>>
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

  /** `missing`: the result when there is no such object. */
  async function ask<T>(what: string, work: () => Promise<T>, missing?: { response: T }): Promise<T> {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      const isMissing = statusOf(error) === 404 && codeOf(error) !== 'NoSuchBucket'
      if (missing && isMissing) return missing.response
      throw explain(error, source, what)
    }
  }

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
      ask(
        'list',
        async () => {
          const page = await client.send(new sdk.ListObjectVersionsCommand({ Bucket, Prefix: key }), within)
          // Keys that only start with this key come after it.
          const own = (page.Versions ?? []).filter((entry) => entry.Key === key)
          return own.map((entry) => objectOf(key, entry))
        },
        { response: [] },
      ).catch((error: unknown) => {
        // 501: a server without versions.
        if (error instanceof Fault && statusOf(error.cause) === 501) return []
        throw error
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

    get: (Key, { versionId, etag }) =>
      ask('get', async () => {
        const which = versionId === undefined ? { IfMatch: etag } : { VersionId: versionId }
        const response = await client.send(new sdk.GetObjectCommand({ Bucket, Key, ...which }), within)
        const { Body } = response
        if (Body === undefined) throw new Fault('failed', `${Key} came without content`)
        // Outside browsers it is a stream of node.
        return { ...objectOf(Key, { ...response, Size: response.ContentLength }), body: Body as Readable }
      }),

    put: (Key, Body, ContentLength) =>
      ask('put', async () => {
        const command = new sdk.PutObjectCommand({ Bucket, Key, Body, ContentLength })
        const { ETag = '', VersionId } = await client.send(command, within)
        return { etag: ETag, versionId: VersionId }
      }),

    close: () => client.destroy(),
  }
}

interface Described {
  ETag?: string | undefined
  Size?: number | undefined
  LastModified?: Date | undefined
  VersionId?: string | undefined
}

function objectOf(key: string, { ETag = '', Size = 0, LastModified, VersionId }: Described): S3Object {
  // Buckets without versions report the version `null`.
  const versionId = VersionId === 'null' ? undefined : VersionId
  return { key, etag: ETag, size: Size, modified: LastModified?.getTime() ?? 0, versionId }
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

const NOBODY = { accessKeyId: 'nobody', secretAccessKey: 'nobody' }

type Explanation = readonly [fact: string, hint?: string]

/** The meaning of an error of the SDK. Its own message is not used, because it can repeat what was sent. */
function explain(error: unknown, { bucket, endpoint, region }: S3Source, what: string): Fault {
  if (error instanceof Fault) return error
  const at = endpoint ?? 'AWS'
  const known: Readonly<Record<string, Explanation>> = {
    NoSuchBucket: [`there is no bucket ${bucket} at ${at}`],
    NoSuchKey: [`there is no such object in ${bucket}`],
    NoSuchVersion: [`there is no such version in ${bucket}`],
    InvalidAccessKeyId: [`${at} does not know source.credentials.access_key`],
    SignatureDoesNotMatch: [`${at} does not accept source.credentials.secret_key`],
    ExpiredToken: ['source.credentials have expired'],
    AccessDenied: [
      `source.credentials may not ${what} in the bucket ${bucket}`,
      'they need s3:ListBucket and s3:GetObject, for a push s3:PutObject',
    ],
    PermanentRedirect: [`the bucket ${bucket} is not in ${region}`, 'set source.region'],
    AuthorizationHeaderMalformed: [`the bucket ${bucket} is not in ${region}`, 'set source.region'],
    PreconditionFailed: ['the object has changed since', 'check for its newest version again'],
  }
  const status = statusOf(error)
  const code = codeOf(error)
  // A response to HEAD has no body with a code.
  const byStatus: Readonly<Record<number, string>> = { 403: 'AccessDenied', 404: 'NoSuchKey' }
  const [fact, hint] = known[code] ?? known[byStatus[status ?? 0] ?? ''] ?? []
  if (fact !== undefined) return new Fault('failed', fact, { hint, cause: error })
  if (status === undefined)
    return new Fault('failed', `cannot reach ${at}: ${fetchFailure(error)}`, { cause: error })
  return new Fault('failed', `${at} responded with ${status}${code === '' ? '' : ` ${code}`}`, {
    cause: error,
  })
}

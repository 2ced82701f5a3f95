/** The few calls that the vault makes to S3. */
import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3'
import { confirmsEncryption } from './confirm-s3-encryption.ts'
import { codeOf, explain, notEncrypted, statusOf } from './explain-s3-errors.ts'
import type { S3Settings } from './s3-settings.ts'

/** Time limits of one attempt (to connect, to get a response), the number of attempts, and the limit of all together. */
const PATIENCE = { connectMs: 3_000, requestMs: 8_000, attempts: 4, deadlineMs: 30_000 }

export interface S3Object {
  body: Buffer
  etag: string
}

/** What an object has to be for a write to go through. */
export type Condition = { kind: 'absent' } | { kind: 'etag'; etag: string }

interface PutOptions {
  condition?: Condition
  /** SSE-C. */
  customerKey?: Buffer | undefined
}

/** The calls that a vault makes to S3, each with a deadline, retries and faults that say what to fix. */
export interface S3Objects {
  get(key: string, customerKey?: Buffer): Promise<S3Object | undefined>
  etag(key: string, customerKey?: Buffer): Promise<string | undefined>
  /**
   * @returns `changed`: the condition did not hold; `unsupported`: the server does not know conditions
   * @throws Fault `config` also where the server does not confirm that it encrypted as asked; what it would have stored
   * in the clear is removed then
   */
  put(key: string, body: string, options?: PutOptions): Promise<'written' | 'changed' | 'unsupported'>
  delete(key: string): Promise<void>
  list(prefix: string): Promise<{ key: string; etag: string }[]>
  close(): void
}

/** Loads the SDK, which takes a moment: only where secrets are stored in S3. */
export async function openS3Objects(settings: S3Settings, patience = PATIENCE): Promise<S3Objects> {
  const sdk = await import('@aws-sdk/client-s3')
  const client = createClient(sdk.S3Client, settings, patience)
  const { bucket: Bucket } = settings
  const within = () => ({ abortSignal: AbortSignal.timeout(patience.deadlineMs) })

  /** Runs `work`; an error that `expect` turns into a result is not thrown. */
  async function ask<T>(
    work: () => Promise<T>,
    expect: (error: unknown) => T | 'no' = () => 'no',
  ): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const expected = expect(error)
      if (expected !== 'no') return expected
      throw explain(error, settings)
    }
  }

  /** @param VersionId of a bucket with versions: what stood there before it stands there again */
  async function remove(Key: string, VersionId?: string): Promise<void> {
    await client.send(new sdk.DeleteObjectCommand({ Bucket, Key, VersionId }), within())
  }

  return {
    get: (Key, customerKey) =>
      ask(async () => {
        const command = new sdk.GetObjectCommand({ Bucket, Key, ...customer(customerKey) })
        const { Body, ETag } = await client.send(command, within())
        return { body: Buffer.from((await Body?.transformToByteArray()) ?? []), etag: ETag ?? '' }
      }, absent),

    etag: (Key, customerKey) =>
      ask(async () => {
        const command = new sdk.HeadObjectCommand({ Bucket, Key, ...customer(customerKey) })
        return (await client.send(command, within())).ETag ?? ''
      }, absent),

    put: (Key, Body, { condition, ...options } = {}) =>
      ask<'written' | 'changed' | 'unsupported'>(
        async () => {
          const input: PutObjectCommandInput = {
            Bucket,
            Key,
            Body,
            ContentType: 'application/json',
            ...conditional(condition),
            ...encryption(settings, options),
          }
          const response = await client.send(new sdk.PutObjectCommand(input), within())
          if (confirmsEncryption(input, response)) return 'written'
          if (!settings.sealed) await remove(Key, response.VersionId)
          throw notEncrypted(settings)
        },
        (error) => (condition === undefined ? 'no' : conditionFailed(error)),
      ),

    delete: (Key) => ask(() => remove(Key), absent),

    list: (Prefix) =>
      ask(async () => {
        const found: { key: string; etag: string }[] = []
        let ContinuationToken: string | undefined
        do {
          const command = new sdk.ListObjectsV2Command({ Bucket, Prefix, ContinuationToken })
          const page = await client.send(command, within())
          for (const { Key, ETag } of page.Contents ?? []) {
            if (Key !== undefined) found.push({ key: Key, etag: ETag ?? '' })
          }
          ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined
        } while (ContinuationToken !== undefined)
        return found
      }),

    close: () => client.destroy(),
  }
}

/** A missing object is not a failure; a missing bucket is one. */
function absent(error: unknown): undefined | 'no' {
  return statusOf(error) === 404 && codeOf(error) !== 'NoSuchBucket' ? undefined : 'no'
}

function createClient(
  Client: typeof S3Client,
  { endpoint, region, credentials }: S3Settings,
  { connectMs, requestMs, attempts }: typeof PATIENCE,
): S3Client {
  return new Client({
    // Other servers than AWS rarely have a name for every bucket.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined
      ? {}
      : {
          credentials: async () => ({
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: credentials.secretAccessKey.reveal(),
          }),
        }),
    // The SDK's own: exponential, with full jitter, and a budget, so that an outage is not made worse.
    retryMode: 'standard',
    maxAttempts: attempts,
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: requestMs,
      throwOnRequestTimeout: true,
    },
    // Trailing checksums are not understood by most other servers; what we store authenticates itself.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

function conditional(condition: Condition | undefined) {
  if (condition === undefined) return {}
  return condition.kind === 'etag' ? { IfMatch: condition.etag } : { IfNoneMatch: '*' }
}

function conditionFailed(error: unknown): 'changed' | 'unsupported' | 'no' {
  const status = statusOf(error)
  // 409: another conditional write of the same object is under way. 404: the object to replace was deleted.
  if (status === 412 || status === 409) return 'changed'
  if (status === 404 && codeOf(error) !== 'NoSuchBucket') return 'changed'
  return status === 501 ? 'unsupported' : 'no'
}

function encryption({ sse }: S3Settings, { customerKey }: PutOptions): Partial<PutObjectCommandInput> {
  if (customerKey !== undefined) return customer(customerKey)
  if (sse === 'sse-s3') return { ServerSideEncryption: 'AES256' }
  return sse === 'sse-kms' ? { ServerSideEncryption: 'aws:kms' } : {}
}

/** SSE-C; the SDK adds the digest of the key. */
function customer(key: Buffer | undefined) {
  return key === undefined ? {} : { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key.toString('base64') }
}

/** What errors of S3 mean for a resource, and what to do about them. */
import { Fault } from '../../../contract/fault.ts'
import { fetchFailure } from '../../../platform/network/describe-fetch-failure.ts'
import { codeOf, statusOf } from '../../vault/s3/explain-s3-errors.ts'
import type { S3Source } from './s3-source.ts'

type Explanation = readonly [fact: string, hint?: string]

interface Attempt {
  /** The verb for it: `list`, `get`, `put`. */
  what: string
  /** Whether an earlier request with the same key was accepted. */
  keyIsGood: boolean
}

/** The meaning of an error of the SDK. Its own message is not used, because it can repeat what was sent. */
export function explain(error: unknown, source: S3Source, attempt: Attempt): Fault {
  if (error instanceof Fault) return error
  const at = source.endpoint ?? 'AWS'
  const known = explanations(source, attempt)
  const status = statusOf(error)
  const code = codeOf(error)
  // A response to HEAD has no body with a code, and that of a proxy none of S3's.
  const byStatus: Readonly<Record<number, string>> = {
    403: 'AccessDenied',
    404: 'NoSuchKey',
    413: 'EntityTooLarge',
  }
  const [fact, hint] = known[code] ?? known[byStatus[status ?? 0] ?? ''] ?? []
  if (fact !== undefined) return new Fault('failed', fact, { hint, cause: error })
  if (status === undefined)
    return new Fault('failed', `cannot reach ${at}: ${fetchFailure(error)}`, { cause: error })
  return new Fault('failed', `${at} responded with ${status}${code === '' ? '' : ` ${code}`}`, {
    cause: error,
  })
}

function explanations(
  { bucket, endpoint, region, objects }: S3Source,
  { what, keyIsGood }: Attempt,
): Readonly<Record<string, Explanation>> {
  const at = endpoint ?? 'AWS'
  const versions =
    objects.kind === 'key' ? ', s3:ListBucketVersions and s3:GetObjectVersion for versions' : ''
  return {
    NoSuchBucket: [`there is no bucket ${bucket} at ${at}`],
    NoSuchKey: [`there is no such object in ${bucket}`],
    NoSuchVersion: [`there is no such version in ${bucket}`],
    InvalidAccessKeyId: [`${at} does not know source.credentials.access_key`],
    SignatureDoesNotMatch: keyIsGood
      ? [
          `${at} does not accept the signature of this request, but did accept others with the same key`,
          'a proxy between fob and the server may change requests, or the key of the object has a character that the server reads otherwise',
        ]
      : [`${at} does not accept source.credentials.secret_key`],
    ExpiredToken: ['source.credentials have expired'],
    AccessDenied: [
      `source.credentials may not ${what} in the bucket ${bucket}`,
      `they need s3:ListBucket and s3:GetObject${versions}, for a push s3:PutObject`,
    ],
    PermanentRedirect: [`the bucket ${bucket} is not in ${region}`, 'set source.region'],
    AuthorizationHeaderMalformed: [`the bucket ${bucket} is not in ${region}`, 'set source.region'],
    EntityTooLarge: [
      `${at} takes no request of this size`,
      'the server, or a proxy in front of it, has a limit: raise that (nginx: client_max_body_size)',
    ],
    PreconditionFailed: ['the object has changed since', 'check for its newest version again'],
  }
}

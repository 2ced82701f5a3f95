/** What errors of S3 mean, and what to do about them. */
import { Fault } from '../../../contract/fault.ts'
import { fetchFailure } from '../../../platform/network/describe-fetch-failure.ts'
import type { S3Settings } from './s3-settings.ts'

/** What is known of an error of the SDK. Its message is not used: it can repeat what was sent. */
interface S3Error {
  name?: unknown
  code?: unknown
  Code?: unknown
  $metadata?: { httpStatusCode?: unknown }
}

/** The HTTP status of an error, where there was a response. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as S3Error | undefined)?.$metadata?.httpStatusCode
  return typeof status === 'number' ? status : undefined
}

/** S3's own word for an error: `NoSuchBucket`. */
export function codeOf(error: unknown): string {
  const { name, Code } = (error ?? {}) as S3Error
  const code = typeof Code === 'string' ? Code : name
  return typeof code === 'string' && /^[\w.]{1,64}$/.test(code) ? code : ''
}

type Explanation = readonly [fact: string, hint: string]

const KEY_HINT = 'check --secrets-s3-access-key-id and --secrets-s3-secret-access-key'

/** What an error means and what to do about it, by S3's word for it. */
function explanations(settings: S3Settings): Record<string, Explanation> {
  const { bucket, region, sse } = settings
  const at = serverOf(settings)
  const wrongRegion: Explanation = [
    `the bucket ${bucket} is not in the region ${region ?? 'that is set'}`,
    'set its region with --secrets-s3-region, or --secrets-s3-endpoint if it is not at AWS',
  ]
  const noEncryption = whyNotEncrypted(settings)
  const noKms: Explanation = [
    `the KMS key of ${bucket} cannot be used`,
    'it has to be enabled, and the access key needs kms:GenerateDataKey and kms:Decrypt',
  ]
  const noCredentials: Explanation = [
    'there are no AWS credentials',
    'set --secrets-s3-access-key-id and --secrets-s3-secret-access-key, AWS_PROFILE, or give the machine a role',
  ]
  return {
    NoSuchBucket: [`there is no bucket ${bucket} at ${at}`, 'create it, or correct --secrets-s3-bucket'],
    InvalidBucketName: [`${bucket} is not a name for a bucket`, 'correct --secrets-s3-bucket'],
    InvalidAccessKeyId: [`${at} does not know the access key`, KEY_HINT],
    SignatureDoesNotMatch: [`${at} does not accept the secret access key`, KEY_HINT],
    ExpiredToken: ['the AWS credentials have expired', 'renew them and start again'],
    AccessDenied: [
      `the access key may not use the bucket ${bucket}`,
      'it needs s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket',
    ],
    PermanentRedirect: wrongRegion,
    AuthorizationHeaderMalformed: wrongRegion,
    IllegalLocationConstraintException: wrongRegion,
    RequestTimeTooSkewed: ["this machine's clock is wrong", 'set the clock'],
    ...(sse === undefined
      ? {}
      : {
          NotImplemented: noEncryption,
          InvalidEncryptionAlgorithmError: noEncryption,
          InvalidArgument: noEncryption,
        }),
    'KMS.NotFoundException': noKms,
    'KMS.DisabledException': noKms,
    'KMS.AccessDeniedException': noKms,
    CredentialsProviderError: noCredentials,
  }
}

function serverOf({ endpoint }: S3Settings): string {
  return endpoint ?? 'AWS'
}

function whyNotEncrypted(settings: S3Settings): Explanation {
  return [
    `${serverOf(settings)} does not encrypt as --secrets-s3-encrypt asks`,
    'remove that setting or change it; --secrets-s3-passphrase encrypts without the server',
  ]
}

/** Of a server that takes what is to be encrypted, and does not do it. */
export function notEncrypted(settings: S3Settings): Fault {
  const [fact, hint] = whyNotEncrypted(settings)
  return new Fault('config', fact, { hint })
}

/** @returns a Fault that says what to fix: `config` where the settings are to blame, else `unreachable` */
export function explain(error: unknown, settings: S3Settings): Fault {
  if (error instanceof Fault) return error
  const code = codeOf(error)
  const known = explanations(settings)[code]
  if (known !== undefined) return new Fault('config', known[0], { hint: known[1], cause: error })
  const where = settings.endpoint ?? `the bucket ${settings.bucket}`
  const status = statusOf(error)
  if (status === 403) {
    const [fact, hint] = explanations(settings).AccessDenied ?? []
    return new Fault('config', fact ?? code, { hint, cause: error })
  }
  if (status !== undefined) {
    return new Fault('unreachable', `${where} answered ${status}${code === '' ? '' : ` ${code}`}`, {
      hint: 'is it an S3 server? see its log',
      cause: error,
    })
  }
  if (error instanceof Error && error.message === 'Region is missing') {
    return new Fault('config', 'the region of the bucket is not known', {
      hint: 'set --secrets-s3-region, for example us-east-1',
    })
  }
  return new Fault('unreachable', `cannot reach ${where}: ${fetchFailure(error)}`, {
    hint: 'check --secrets-s3-endpoint and the network',
    cause: error,
  })
}

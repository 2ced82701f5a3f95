import { Fault } from '../../../contract/fault.ts'
import { isLoopbackHost } from '../../../platform/network/loopback.ts'
import { Secret } from '../../../redact/secret.ts'
import type { BackendChoice, BackendKind } from '../backend.ts'

/** What the provider is told to encrypt with (S82). */
const SSE = ['sse-s3', 'sse-kms', 'sse-c'] as const
export type ServerSideEncryption = (typeof SSE)[number]

export interface S3Settings {
  bucket: string
  /** Undefined: AWS itself. */
  endpoint: string | undefined
  /** Undefined: what the environment or the AWS configuration says. */
  region: string | undefined
  /** Undefined: what the environment has (variables, profile, role of the machine). */
  credentials: { accessKeyId: string; secretAccessKey: Secret } | undefined
  sse: ServerSideEncryption | undefined
  /** Empty, or ends with "/". */
  prefix: string
}

type Values = Readonly<Record<string, string | undefined>>

/** An S3 bucket, when one is named; it then comes before SQLite (S76). */
export const s3Kind: BackendKind = {
  name: 's3',
  settings: {
    'secrets-s3-bucket': { value: 'BUCKET', description: 'keep secrets in this S3 bucket' },
    'secrets-s3-endpoint': {
      value: 'URL',
      description: 'an S3-compatible server, for example http://localhost:9000 (default: AWS)',
    },
    'secrets-s3-region': { value: 'REGION', description: 'the region of the bucket' },
    'secrets-s3-access-key-id': {
      value: 'ID',
      description: "whose access (default: the environment's: variables, profile, role)",
    },
    'secrets-s3-secret-access-key': { value: 'KEY', secret: true, description: 'and the key' },
    'secrets-s3-passphrase': {
      value: 'PASSPHRASE',
      secret: true,
      description: 'what secrets in S3 are encrypted under before they are sent (recommended)',
    },
    'secrets-s3-encrypt': { value: 'HOW', description: `let S3 encrypt as well: ${SSE.join(', ')}` },
    'secrets-s3-prefix': { value: 'PREFIX', description: 'keep everything under this prefix' },
  },

  choose(values): BackendChoice | undefined {
    if (values['secrets-s3-bucket'] === undefined) return refuseWithoutBucket(values)
    const settings = readS3Settings(values['secrets-s3-bucket'], values)
    const passphrase = values['secrets-s3-passphrase']
    return {
      kind: 's3',
      passphrase: passphrase === undefined ? undefined : new Secret(passphrase),
      passphraseFlag: '--secrets-s3-passphrase',
      encrypts: settings.sse !== undefined,
      lasting: true,
      async open({ log }) {
        const { openS3Backend } = await import('./s3-backend.ts')
        return openS3Backend(settings, log)
      },
    }
  },
}

/** S75: the other settings mean nothing without a bucket, so one was forgotten. */
function refuseWithoutBucket(values: Values): undefined {
  const given = Object.keys(s3Kind.settings).find((name) => values[name] !== undefined)
  if (given === undefined) return undefined
  throw new Fault('config', `--${given} is set, but --secrets-s3-bucket is not`, {
    hint: 'name the bucket, or remove the S3 settings',
  })
}

function readS3Settings(bucket: string, values: Values): S3Settings {
  const endpoint = readEndpoint(values['secrets-s3-endpoint'])
  const sse = readSse(values['secrets-s3-encrypt'])
  const sealed = [values['secrets-s3-passphrase'], values['secrets-key-file']].some((v) => v !== undefined)
  if (sse === 'sse-c' && !sealed) {
    throw new Fault('config', '--secrets-s3-encrypt sse-c needs --secrets-s3-passphrase', {
      hint: 'the key that S3 encrypts under is kept encrypted under the passphrase',
    })
  }
  if (isPlainHttp(endpoint) && sse !== undefined && (sse === 'sse-c' || !sealed)) {
    throw new Fault('config', `${endpoint} would be sent keys or secrets in the clear`, {
      hint: 'use an https:// endpoint',
    })
  }
  return {
    bucket,
    endpoint,
    region: values['secrets-s3-region'] ?? (endpoint === undefined ? undefined : 'us-east-1'),
    credentials: readCredentials(values),
    sse,
    prefix: readPrefix(values['secrets-s3-prefix'] ?? ''),
  }
}

/** `/team/ci/` and `team/ci` are the same place. */
function readPrefix(text: string): string {
  const bare = text.replace(/^\/+|\/+$/g, '')
  return bare === '' ? '' : `${bare}/`
}

function readEndpoint(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isBase = url !== undefined && url.username === '' && url.search === '' && url.hash === ''
  if (isBase && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '')
  throw new Fault('config', '--secrets-s3-endpoint takes an address without user or query', {
    hint: 'for example http://localhost:9000',
  })
}

function isPlainHttp(endpoint: string | undefined): boolean {
  if (endpoint === undefined) return false
  const { protocol, hostname } = new URL(endpoint)
  return protocol === 'http:' && !isLoopbackHost(hostname)
}

function readSse(text: string | undefined): ServerSideEncryption | undefined {
  if (text === undefined) return undefined
  const sse = SSE.find((name) => name === text)
  if (sse !== undefined) return sse
  throw new Fault('config', `--secrets-s3-encrypt takes ${SSE.join(', ')}, not "${text}"`)
}

function readCredentials(values: Values): S3Settings['credentials'] {
  const accessKeyId = values['secrets-s3-access-key-id']
  const secretAccessKey = values['secrets-s3-secret-access-key']
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { accessKeyId, secretAccessKey: new Secret(secretAccessKey) }
  }
  const names = ['--secrets-s3-access-key-id', '--secrets-s3-secret-access-key']
  const [is, missing] = accessKeyId === undefined ? names.toReversed() : names
  throw new Fault('config', `${is} is set, but ${missing} is not`, {
    hint: 'set both, or neither to use the credentials of the environment',
  })
}

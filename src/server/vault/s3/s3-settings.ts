/** The settings of a bucket for secrets, read and checked. */
import { Fault } from '../../../contract/fault.ts'
import { isLoopbackHost } from '../../../platform/network/is-loopback-host.ts'
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import { Secret } from '../../../redact/secret.ts'

/** How the S3 server is asked to encrypt what it stores. */
export const SERVER_SIDE_ENCRYPTIONS = ['sse-s3', 'sse-kms', 'sse-c'] as const
type ServerSideEncryption = (typeof SERVER_SIDE_ENCRYPTIONS)[number]

export interface S3Settings {
  bucket: string
  /** Undefined: AWS itself. */
  endpoint: string | undefined
  /** Undefined: what the environment or the AWS configuration says. */
  region: string | undefined
  /** Undefined: what the environment has (variables, profile, role of the machine). */
  credentials: { accessKeyId: string; secretAccessKey: Secret } | undefined
  sse: ServerSideEncryption | undefined
  /** Whether values are encrypted here, before they are sent. */
  sealed: boolean
  /** Empty, or ends with "/". */
  prefix: string
}

export type Values = Readonly<Record<string, string | undefined>>

/**
 * @param env for the endpoint where no setting names one: AWS's own variables, which the S3 of pipelines reads too
 * @throws Fault `config` naming the setting
 */
export function readS3Settings(bucket: string, values: Values, env: Env): Omit<S3Settings, 'sealed'> {
  const endpoint = findEndpoint(values, env)
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

const ENDPOINT_VARIABLES = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']

function findEndpoint(values: Values, env: Env): string | undefined {
  const given = values['secrets-s3-endpoint']
  if (given !== undefined) return readEndpoint('--secrets-s3-endpoint', given)
  for (const name of ENDPOINT_VARIABLES) {
    const text = env[name] ?? ''
    if (text !== '') return readEndpoint(name, text)
  }
  return undefined
}

/** @param name of the setting or the variable */
function readEndpoint(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isBase = url !== undefined && url.username === '' && url.search === '' && url.hash === ''
  if (isBase && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '')
  throw new Fault('config', `${name} takes an address without user or query, not this one`, {
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
  const sse = SERVER_SIDE_ENCRYPTIONS.find((name) => name === text)
  if (sse !== undefined) return sse
  throw new Fault('config', `--secrets-s3-encrypt takes ${SERVER_SIDE_ENCRYPTIONS.join(', ')}, not "${text}"`)
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

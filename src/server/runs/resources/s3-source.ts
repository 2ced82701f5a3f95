import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Env } from '../../../platform/processes/child-environment.ts'
import type { Secret } from '../../../redact/secret.ts'
import type { Network } from '../fetch/allowed-networks.ts'
import { hostOf } from '../fetch/guarded-request.ts'
import { parse, plainText, secretText } from '../parse-fields.ts'

export interface S3Source {
  bucket: string
  region: string
  /** Undefined: AWS itself. */
  endpoint: string | undefined
  /** The endpoint is the operator's choice, and so needs no leave. */
  isOperators: boolean
  /** Undefined: requests are not signed, as for a bucket that is open to all. */
  credentials: { accessKey: Secret; secretKey: Secret; sessionToken: Secret | undefined } | undefined
  objects: Objects
}

/** Which objects of the bucket are meant. */
export type Objects =
  /** One, in all its versions. */
  | { kind: 'key'; key: string }
  /** Those whose key fits, ordered by what stands for the `*`s. */
  | { kind: 'pattern'; pattern: string }
  /** All below, ordered by their time. */
  | { kind: 'prefix'; prefix: string }

const name = (pattern: RegExp, what: string) => v.pipe(plainText, v.regex(pattern, what))
/** Longer than any, and shorter than what takes time to compare. */
const key = v.pipe(plainText, v.nonEmpty('is empty'), v.maxLength(1024, 'has over 1024 characters'))

const schema = v.strictObject({
  bucket: name(/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, 'is not a name for a bucket'),
  region: v.optional(name(/^[a-z0-9-]{1,64}$/, 'is not a region'), 'us-east-1'),
  endpoint: v.optional(plainText),
  credentials: v.optional(
    v.strictObject({
      access_key: secretText,
      secret_key: secretText,
      session_token: v.optional(secretText),
    }),
  ),
  key: v.optional(key),
  pattern: v.optional(key),
  prefix: v.optional(key),
})

/** @throws Fault `usage` naming the field */
export function readS3Source(source: unknown, env: Env, network: Network): S3Source {
  const { bucket, region, credentials, ...given } = parse(schema, source, 'source.')
  const endpoint = readEndpoint(given.endpoint, network)
  const operators = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL
  return {
    bucket,
    region,
    endpoint: endpoint ?? operators,
    isOperators: endpoint === undefined && operators !== undefined,
    credentials: credentials && {
      accessKey: credentials.access_key,
      secretKey: credentials.secret_key,
      sessionToken: credentials.session_token,
    },
    objects: readObjects(given),
  }
}

type Given = Pick<v.InferOutput<typeof schema>, 'key' | 'pattern' | 'prefix'>

function readObjects({ key, pattern, prefix }: Given): Objects {
  if ([key, pattern, prefix].filter((one) => one !== undefined).length > 1) {
    throw new Fault('usage', 'source has more than one of key, pattern and prefix')
  }
  if (key !== undefined) return { kind: 'key', key }
  return pattern === undefined ? { kind: 'prefix', prefix: prefix ?? '' } : { kind: 'pattern', pattern }
}

function readEndpoint(text: string | undefined, network: Network): string | undefined {
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isBase = url !== undefined && url.username === '' && url.search === '' && url.hash === ''
  if (!isBase || !/^https?:$/.test(url.protocol)) {
    throw new Fault('usage', 'source.endpoint is not an address', {
      hint: 'for example https://s3.example.com',
    })
  }
  if (url.protocol === 'http:' && !network.trusts(hostOf(url))) {
    throw new Fault('usage', 'source.endpoint is http', {
      hint: `use https, or ask the operator for: fob server --allow-network ${hostOf(url)}`,
    })
  }
  return text.replace(/\/+$/, '')
}

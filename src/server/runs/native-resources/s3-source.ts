/** Reads the `source` of an S3 resource: bucket, endpoint, credentials, and which objects are meant. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import type { Secret } from '../../../redact/secret.ts'
import type { Network } from '../../../guarded-fetch/allowed-networks.ts'
import { hostOf } from '../../../guarded-fetch/request-checked-address.ts'
import { parse, plainText, secretText } from '../parse-host-call-fields.ts'

export interface S3Source {
  bucket: string
  region: string
  /** Undefined: AWS itself. */
  endpoint: string | undefined
  /** The endpoint comes from the operator, and so needs no permission. */
  isOperators: boolean
  /** Undefined: requests are not signed, for public buckets. */
  credentials: { accessKey: Secret; secretKey: Secret; sessionToken: Secret | undefined } | undefined
  objects: Objects
}

/** The objects of the bucket that the source selects. */
export type Objects =
  /** One object, in all its versions. */
  | { kind: 'key'; key: string }
  /** Objects whose key matches, ordered by the text of the `*`s. */
  | { kind: 'pattern'; pattern: string }
  /** All objects below, ordered by time. */
  | { kind: 'prefix'; prefix: string }

const name = (pattern: RegExp, what: string) => v.pipe(plainText, v.regex(pattern, what))
/** Longer than any real pattern, and short enough to match quickly. */
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

/** @throws Fault `usage` that names the field */
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

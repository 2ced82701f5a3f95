/** The bodies of `/api/secrets`, and what a secret may be called and hold. */
import * as v from 'valibot'
import { isFreeName, RESERVED_NAMES } from '../refuse-object-prototype-names.ts'

/** `pipeline/<id>` on the wire is `?pipeline=<name>`, `server` is `?scope=server`; keys follow the rules of environment variables. */
export const secretKey = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a key has letters, digits and _ and does not begin with a digit'),
  v.maxLength(128, 'a key has at most 128 characters'),
  v.check(isFreeName, RESERVED_NAMES),
)
/** Names of the server's own secrets, which no pipeline can read. */
export const RESERVED_SECRET_PREFIX = 'FOB_'
export function isReservedSecret(key: string): boolean {
  return key.toUpperCase().startsWith(RESERVED_SECRET_PREFIX)
}

/** 256 KiB, the largest secret. */
export const MAX_SECRET_BYTES = 256 * 1024
/** Below this many bytes, redaction would blacken ordinary text. */
export const MIN_SECRET_BYTES = 4

/** Text, or any bytes as base64. */
export const secretValue = v.union(
  [
    v.pipe(
      v.string(),
      v.check((s) => Buffer.byteLength(s) <= MAX_SECRET_BYTES, 'a secret has at most 256 KiB'),
    ),
    v.strictObject({
      base64: v.pipe(
        v.string(),
        v.base64('not base64'),
        v.check((s) => Buffer.byteLength(s, 'base64') <= MAX_SECRET_BYTES, 'a secret has at most 256 KiB'),
      ),
    }),
  ],
  'a value is text, or {"base64": "…"}',
)
export type SecretValue = v.InferOutput<typeof secretValue>

export const putSecretBody = v.strictObject({ value: secretValue, allowShort: v.optional(v.boolean()) })

export const secretResponse = v.looseObject({
  id: v.string(),
  key: v.string(),
  scope: v.string(),
  pipeline: v.optional(v.nullable(v.string())),
  updatedAt: v.string(),
  /** The last run that was given the value. */
  lastRun: v.optional(v.nullable(v.string())),
  lastUsedAt: v.optional(v.nullable(v.string())),
})
export type SecretResponse = v.InferOutput<typeof secretResponse>

/** `POST /api/secrets/rewrap`: how far the move to a new data key has come. Asked again until `finished`. */
export const rewrapResponse = v.looseObject({
  key: v.string(),
  total: v.number(),
  done: v.number(),
  finished: v.boolean(),
  /** Those that do not open under any key. */
  failed: v.array(v.looseObject({ key: v.string(), scope: v.string() })),
})
export type RewrapResponse = v.InferOutput<typeof rewrapResponse>

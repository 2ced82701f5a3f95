import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import type { Secret } from '../../redact/secret.ts'

/**
 * AES-256-GCM with the place of the secret as associated data. A sealed value is
 * `version (1) ‖ nonce (12) ‖ tag (16) ‖ ciphertext`, 29 bytes longer than the plaintext.
 */
const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
const HEADER_BYTES = 1 + NONCE_BYTES + TAG_BYTES

/** scrypt (RFC 7914); N = 2^17, r = 8 takes 128 MiB and about 0.3 s, once at start. */
export interface KdfParameters {
  name: 'scrypt'
  N: number
  r: number
  p: number
  /** Base64. */
  salt: string
}

export function newKdfParameters(): KdfParameters {
  return { name: 'scrypt', N: 2 ** 17, r: 8, p: 1, salt: randomBytes(16).toString('base64') }
}

/** The 32-byte key that `passphrase` gives under `kdf`. */
export function deriveKey(passphrase: Secret, kdf: KdfParameters): Promise<Buffer> {
  const { N, r, p, salt } = kdf
  const options = { N, r, p, maxmem: 256 * N * r }
  return new Promise((resolve, reject) => {
    scrypt(passphrase.reveal(), Buffer.from(salt, 'base64'), KEY_BYTES, options, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}

/** Encrypts under a fresh random nonce. `associated` must be given again, unchanged, to open it. */
export function seal(key: Buffer, plaintext: Buffer, associated: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.concat([Buffer.of(VERSION), associated]))
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), ciphertext])
}

/** The plaintext, or undefined when the key, the associated data or a single bit is not the right one. */
export function open(key: Buffer, sealed: Buffer, associated: Buffer): Buffer | undefined {
  if (sealed.length < HEADER_BYTES || sealed[0] !== VERSION) return undefined
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES)
  const tag = sealed.subarray(1 + NONCE_BYTES, HEADER_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.concat([Buffer.of(VERSION), associated]))
  decipher.setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(sealed.subarray(HEADER_BYTES)), decipher.final()])
  } catch {
    return undefined
  }
}

/** Several strings as one, so that no two lists give the same bytes: each is led by its length. */
export function associatedData(...parts: readonly string[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = Buffer.from(part)
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      return [length, bytes]
    }),
  )
}

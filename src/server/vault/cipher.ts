/** The encryption of values in the vault. */
import { createCipheriv, createDecipheriv, createHash, randomBytes, scrypt } from 'node:crypto'
import type { Secret } from '../../redact/secret.ts'

/**
 * AES-256-GCM. What is stored says which key it is under:
 * `version (1) ‖ key ID (8) ‖ nonce (12) ‖ tag (16) ‖ ciphertext`, 37 bytes longer than the plaintext. Version,
 * key ID and the caller's associated data are authenticated with it.
 */
const VERSION = 1
/** What stands in the place of the version where the store encrypts and we do not. */
const PLAIN = 0
const ID_BYTES = 8
const NONCE_BYTES = 12
const TAG_BYTES = 16
export const KEY_BYTES = 32
const HEADER_BYTES = 1 + ID_BYTES + NONCE_BYTES + TAG_BYTES

/** A key and the name under which what it sealed can be told. */
export interface DataKey {
  /** 16 hexadecimal digits. */
  id: string
  key: Buffer
}

export function newDataKey(): DataKey {
  return { id: randomBytes(ID_BYTES).toString('hex'), key: randomBytes(KEY_BYTES) }
}

/** What a derivation costs (RFC 7914). */
export interface KdfCost {
  N: number
  r: number
  p: number
}

export interface KdfParameters extends KdfCost {
  name: 'scrypt'
  /** Base64. */
  salt: string
}

/** 128 MiB and about 0.3 s, once at start. */
const KDF_COST: KdfCost = { N: 2 ** 17, r: 8, p: 1 }

export function newKdfParameters({ N, r, p }: KdfCost = KDF_COST): KdfParameters {
  return { name: 'scrypt', N, r, p, salt: randomBytes(16).toString('base64') }
}

/** The 32-byte key that `passphrase` gives under `kdf`. */
export function deriveKey(passphrase: Secret, kdf: KdfParameters): Promise<Buffer> {
  const { N, r, p, salt } = kdf
  const options = { N, r, p, maxmem: 256 * N * r }
  return new Promise((resolve, reject) => {
    scrypt(passphrase.bytes(), Buffer.from(salt, 'base64'), KEY_BYTES, options, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}

/** Encrypts under a fresh random nonce. `associated` must be given again, unchanged, to open it. */
export function seal({ id, key }: DataKey, plaintext: Buffer, associated: Buffer): Buffer {
  const head = Buffer.concat([Buffer.of(VERSION), Buffer.from(id, 'hex')])
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.concat([head, associated]))
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([head, nonce, cipher.getAuthTag(), ciphertext])
}

/** The plaintext, or undefined when the key, the associated data or a single bit is not the right one. */
export function open({ id, key }: DataKey, sealed: Buffer, associated: Buffer): Buffer | undefined {
  if (keyIdOf(sealed) !== id) return undefined
  const head = sealed.subarray(0, 1 + ID_BYTES)
  return decrypt(key, {
    nonce: sealed.subarray(head.length, head.length + NONCE_BYTES),
    tag: sealed.subarray(head.length + NONCE_BYTES, HEADER_BYTES),
    ciphertext: sealed.subarray(HEADER_BYTES),
    associated: Buffer.concat([head, associated]),
  })
}

/** Which key `sealed` says it is under; undefined for what is not of our form. */
export function keyIdOf(sealed: Buffer): string | undefined {
  if (sealed.length < HEADER_BYTES || sealed[0] !== VERSION) return undefined
  return sealed.subarray(1, 1 + ID_BYTES).toString('hex')
}

/** For a store that encrypts what it is given: the value itself, marked as such. */
export function leavePlain(plaintext: Buffer): Buffer {
  return Buffer.concat([Buffer.of(PLAIN), plaintext])
}

/** The value that `leavePlain` marked, or undefined. */
export function readPlain(stored: Buffer): Buffer | undefined {
  return stored[0] === PLAIN ? stored.subarray(1) : undefined
}

/** The key of the old form: one round of SHA-256, which is why nothing is written under it any more. */
export function legacyKey(passphrase: Secret): Buffer {
  return createHash('sha256').update(passphrase.bytes()).digest()
}

/** Opens the old form: `nonce (12) ‖ ciphertext ‖ tag (16)`, without associated data. */
export function openLegacy(key: Buffer, stored: Buffer): Buffer | undefined {
  if (stored.length < NONCE_BYTES + TAG_BYTES) return undefined
  return decrypt(key, {
    nonce: stored.subarray(0, NONCE_BYTES),
    tag: stored.subarray(-TAG_BYTES),
    ciphertext: stored.subarray(NONCE_BYTES, -TAG_BYTES),
    associated: Buffer.alloc(0),
  })
}

function decrypt(
  key: Buffer,
  parts: { nonce: Buffer; tag: Buffer; ciphertext: Buffer; associated: Buffer },
): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, parts.nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(parts.associated)
  decipher.setAuthTag(parts.tag)
  try {
    return Buffer.concat([decipher.update(parts.ciphertext), decipher.final()])
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

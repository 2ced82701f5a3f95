/** Encryption under keys that are derived from the session secret. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { Secret } from '../../redact/secret.ts'

/** What the session secret gives keys for. A new use is a new line here, never a shared key. */
export type SealPurpose =
  | 'cookies'
  | 'server keys'
  | 'page addresses'
  | 'known browsers'
  | 'opened invitations'
  | 'identity provider tokens'
  | 'workload tokens'
/** Of keys that are no sealing keys. */
export type KeyPurpose = SealPurpose | 'form values'

const NONCE_BYTES = 12
const TAG_BYTES = 16

export interface Seal {
  /** @param context bound to the result: what was sealed as one thing does not open as another. */
  seal(plain: Buffer, context: string): Buffer
  /** Undefined when it was changed, cut, sealed under another secret, or sealed as something else. */
  open(sealed: Buffer, context: string): Buffer | undefined
}

export function deriveKey(sessionSecret: Secret, purpose: KeyPurpose): Buffer {
  return Buffer.from(hkdfSync('sha256', sessionSecret.reveal(), '', `fob ${purpose} v1`, 32))
}

/** AES-256-GCM under a key that HKDF-SHA256 (RFC 5869) draws from the session secret for one purpose. */
export function openSeal(sessionSecret: Secret, purpose: SealPurpose): Seal {
  return sealUnder(deriveKey(sessionSecret, purpose))
}

/** AES-256-GCM. @param key 32 bytes that serve nothing else */
export function sealUnder(key: Buffer): Seal {
  return {
    seal: (plain, context) => {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    },
    open: (sealed, context) => {
      if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined
      const nonce = sealed.subarray(0, NONCE_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(-TAG_BYTES))
      try {
        return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
      } catch {
        return undefined
      }
    },
  }
}

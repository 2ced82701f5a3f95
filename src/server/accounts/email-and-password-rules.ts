/** What an e-mail address and a password have to look like. */
import { Fault } from '../../contract/fault.ts'
import type { Secret } from '../../redact/secret.ts'

const MIN_PASSWORD_CHARACTERS = 8
/** argon2id takes any length; a bound keeps a request from buying minutes of hashing. */
const MAX_PASSWORD_BYTES = 1024
/** RFC 5321 §4.5.3.1.3: a path has at most 256 octets, of which two are the angle brackets. */
const MAX_EMAIL_CHARACTERS = 254

/** The form under which an e-mail is stored and looked up. */
export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase()
}

/** @returns the normalised e-mail. @throws Fault `usage` when it cannot be an address. */
export function checkEmail(email: string): string {
  const normal = normaliseEmail(email)
  // Plausible, not RFC 5322: one @, something on both sides, no blanks or control characters.
  const plausible = /^[^\s@\p{Cc}<>"]+@[^\s@\p{Cc}<>"]+$/u.test(normal)
  if (plausible && normal.length <= MAX_EMAIL_CHARACTERS) return normal
  throw new Fault('usage', 'that is not an e-mail address', { hint: 'for example ada@example.com' })
}

/** @throws Fault `usage` when it is too short to resist guessing, or too long to be typed. */
export function checkPassword(password: Secret): void {
  const text = password.reveal()
  if (text.length < MIN_PASSWORD_CHARACTERS) {
    throw new Fault('usage', `a password has at least ${MIN_PASSWORD_CHARACTERS} characters`)
  }
  if (Buffer.byteLength(text) > MAX_PASSWORD_BYTES) {
    throw new Fault('usage', `a password has at most ${MAX_PASSWORD_BYTES} bytes`)
  }
}

/**
 * How the tokens of this server look, so that a scanner knows one without asking anybody (docs/tokens.md):
 *
 *     prefix, 30 random characters, 6 characters of checksum      ci_4rXw…
 *
 * all of [0-9A-Za-z]: 62^30 is more than 178 bits. The checksum is the CRC-32 (IEEE 802.3, as in zlib) of
 * everything before it, prefix included, as a number in base 62 with its most significant digit first.
 */

/**
 * `ci`: a person's scoped token. `rn`: a runner. `sk`: a service key, `st`: what it buys. `dl`: one download.
 * `iv`: an invitation.
 */
export type TokenPrefix = 'ci' | 'rn' | 'sk' | 'st' | 'dl' | 'iv'

export const RANDOM_CHARACTERS = 30
const CHECKSUM_CHARACTERS = 6

export const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Finds every candidate in a text; `isTokenText` then tells the real ones from the rest. */
export const TOKEN_PATTERN = /\b(?:ci|rn|sk|st|dl|iv)_[0-9A-Za-z]{36}\b/g

/** @param random 30 characters of `BASE62`. */
export function tokenText(prefix: TokenPrefix, random: string): string {
  const text = `${prefix}_${random}`
  return text + checksum(text)
}

/** True when `text` is whole: the prefix, the length, the alphabet and the checksum are right. */
export function isTokenText(prefix: TokenPrefix, text: string): boolean {
  const length = prefix.length + 1 + RANDOM_CHARACTERS
  return (
    text.length === length + CHECKSUM_CHARACTERS &&
    text.startsWith(`${prefix}_`) &&
    /^[0-9A-Za-z]+$/.test(text.slice(prefix.length + 1)) &&
    checksum(text.slice(0, length)) === text.slice(length)
  )
}

function checksum(text: string): string {
  let rest = Bun.hash.crc32(text)
  let digits = ''
  for (let i = 0; i < CHECKSUM_CHARACTERS; i++) {
    digits = BASE62.charAt(rest % 62) + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

/** New tokens with a prefix, and the hashes that they are stored and found by. */
import { createHash, randomBytes } from 'node:crypto'
import {
  BASE62,
  isTokenText,
  RANDOM_CHARACTERS,
  type TokenPrefix,
  tokenText,
} from '../../contract/token-format.ts'
import { Secret } from '../../redact/secret.ts'

/** A fresh token, and the hash that is all we keep of it. */
export function mintToken(prefix: TokenPrefix): { token: Secret; hash: string } {
  const text = tokenText(prefix, randomBase62(RANDOM_CHARACTERS))
  return { token: new Secret(text), hash: hashToken(text) }
}

/**
 * The hash under which a presented token would be stored; undefined for what cannot be one, by its checksum:
 * that never costs a look into the database.
 */
export function hashOf(prefix: TokenPrefix, presented: string): string | undefined {
  return isTokenText(prefix, presented) ? hashToken(presented) : undefined
}

/** A plain hash is right here: of 178 random bits nothing can be guessed, so nothing has to be slow. */
function hashToken(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Bytes from 248 on are thrown away: 256 is not a multiple of 62, and the first letters would come too often. */
function randomBase62(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 248 && text.length < length) text += BASE62.charAt(byte % 62)
    }
  }
  return text
}

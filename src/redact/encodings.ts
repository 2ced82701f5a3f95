/** The encodings in which tools print a value. */
import { xml } from './markup-escapes.ts'
import { url } from './percent-encodings.ts'
import { doubledQuotes, patterns, shell } from './shell-and-pattern-quoting.ts'
import { json, literals } from './string-literals.ts'

/**
 * Those that write special characters with escapes give their dialects, the commonest first.
 */
export const ESCAPES: readonly ((text: string) => Iterable<string>)[] = [
  (text) => url(Buffer.from(text)),
  json,
  literals,
  shell,
  patterns,
  doubledQuotes,
  xml,
]

/** Columns at which `openssl base64` and PEM break lines, and at which `base64` and MIME do (RFC 2045 §6.8). */
const BASE64_COLUMNS = [64, 76]
/** `xxd -p` */
const HEX_COLUMNS = 60

/**
 * Base64 and base64url (RFC 4648 §4, §5) of `bytes` wherever they stand in what was encoded: as three
 * alignments. Characters that mix in a neighbour's bits are left out, as they can have any value; at the end
 * of what was encoded there is no neighbour, so the padded and the unpadded end are forms too.
 */
export function* base64(bytes: Buffer): Generator<string> {
  for (const shift of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
    // 8 bits a byte over 6 bits a character: the first character without, and the last one with, a foreign bit.
    const first = Math.ceil((8 * shift) / 6)
    const inner = text.slice(first, Math.floor((8 * (shift + bytes.length)) / 6))
    const padded = text.slice(first)
    for (const form of [inner, padded, padded.replace(/=+$/, '')]) {
      yield form
      yield form.replaceAll('+', '-').replaceAll('/', '_')
    }
    if (shift > 0) continue
    for (const columns of BASE64_COLUMNS) {
      for (const form of [inner, padded]) yield* wrapped(form, columns, 8)
    }
  }
}

export function* hex(bytes: Buffer): Generator<string> {
  const lower = bytes.toString('hex')
  for (const form of [lower, ...wrapped(lower, HEX_COLUMNS, 12)]) {
    yield form
    yield form.toUpperCase()
  }
}

/**
 * The lines into which an encoder breaks a text that begins with the value; none when it fits on one.
 * @param least characters that stand for enough bytes to be looked for.
 */
function* wrapped(text: string, columns: number, least: number): Generator<string> {
  for (let at = 0; text.length > columns && at + least <= text.length; at += columns) {
    yield text.slice(at, at + columns)
  }
}

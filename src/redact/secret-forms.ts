/** The forms under which a secret can appear in output: all that is derived from a value. */
import { base64, ESCAPES, hex } from './encodings.ts'
import { url } from './percent-encodings.ts'
import type { Secret } from './secret.ts'
import { everyByte, everyCharacter } from './shell-and-pattern-quoting.ts'
import { secretsWithin } from './structured-values.ts'

/** Shorter derived forms are not redacted: they would blacken ordinary text. */
const SHORTEST_DERIVED_BYTES = 6
/** The same for a value without its trailing line ends, which is as secret as the value itself. */
const SHORTEST_TRIMMED_BYTES = 4
/** Longer values are looked for in the commonest dialects of each escape alone, to keep memory in bounds. */
const LONG = 1024
const DIALECTS_OF_LONG = 4
/** The lines of values up to this length are looked for in all dialects, as they are short ones. */
const LONG_LINES = 16 * 1024
/** Shorter values are not looked for in lower case: that would be a word. */
const SHORTEST_LOWER_CASE_BYTES = 8

/**
 * The byte patterns, one byte a character, under which a value can appear in output:
 * - the value; without its last line ends (the result of `$(cat file)`); with `\n` or `\r\n` for its line ends: as it
 *   is and in all encodings;
 * - the value with `\r\r\n` for its line ends (a terminal that writes `\r\n` for the `\n` of a `\r\n`), as it is;
 * - the value with its white space folded (the result of `echo $VALUE`) or its line ends taken out;
 * - each line of a value with several lines, as it is, without its indentation, and escaped;
 * - the value as the host of a URL, which is in lower case;
 * - all of that of each secret within the value (`structured-values.ts`).
 */
export function formsOf(value: Secret): Set<string> {
  const forms = new Set<string>()
  const derive = (texts: Iterable<string>) => {
    for (const text of texts) {
      const form = binary(text)
      if (form.length >= SHORTEST_DERIVED_BYTES && /[^ \t\r\n]/.test(form)) forms.add(form)
    }
  }
  if (value.isText) {
    const text = value.reveal()
    for (const secret of [text, ...secretsWithin(text)]) textForms(secret, forms, derive)
  } else {
    const bytes = value.bytes()
    forms.add(bytes.toString('latin1'))
    derive([...base64(bytes), ...hex(bytes), ...url(bytes)])
  }
  forms.delete('')
  return forms
}

function textForms(raw: string, forms: Set<string>, derive: (texts: Iterable<string>) => void): void {
  const stripped = raw.replace(/[\r\n]+$/, '')
  const trimmed = Buffer.byteLength(stripped) < SHORTEST_TRIMMED_BYTES ? raw : stripped
  forms.add(binary(raw)).add(binary(trimmed))
  const dialects = raw.length > LONG ? DIALECTS_OF_LONG : Infinity
  const dialectsOfLines = raw.length > LONG_LINES ? DIALECTS_OF_LONG : Infinity
  const lines = trimmed.split(/\r\n|\r|\n/)
  const whole = new Set([trimmed, lines.join('\n'), lines.join('\r\n')])
  for (const text of whole) derive([text, ...hex(Buffer.from(text)), ...escaped(text, dialects)])
  for (const form of everyByte(trimmed)) forms.add(form)
  // With its last line ends as well: the base64 characters that they share bits with are in none of the others.
  for (const text of whole.add(raw)) derive(base64(Buffer.from(text)))
  derive([lines.join('\r\r\n'), lines.join(' '), lines.join(''), raw.trim().replace(/[ \t\r\n]+/g, ' ')])
  if (lines.length === 1) return derive(inHost(trimmed))
  for (const line of lines) {
    const content = line.trim()
    derive([line, content, ...escaped(content, dialectsOfLines)])
  }
}

/** What a URL makes of a text that stands where its host does: https://TEXT */
function* inHost(text: string): Generator<string> {
  if (text.length < SHORTEST_LOWER_CASE_BYTES || text.length > LONG || !/[A-Z]|[^\0-\x7f]/.test(text)) return
  const url = URL.parse(`https://${text}`)
  // Where it begins with a scheme, or is a number, that is another host.
  if (!url || text.includes('://') || /^[\d.]+$/.test(url.hostname)) return
  yield url.href.slice('https://'.length).replace(/\/$/, '')
  if (url.hostname.length >= SHORTEST_LOWER_CASE_BYTES && !text.startsWith(url.hostname)) yield url.hostname
}

/** Whether a value appears in one of the texts. For few and short ones: a `Redactor` is for streams. */
export function occursIn(value: Secret, texts: readonly string[]): boolean {
  const haystacks = texts.map(binary)
  return formsOf(value)
    .values()
    .some((form) => haystacks.some((text) => text.includes(form)))
}

function* escaped(text: string, dialects: number): Generator<string> {
  if (dialects === Infinity) yield* everyCharacter(text)
  // It holds nothing that any of them escapes.
  if (/^\w*$/.test(text)) return
  for (const encoding of ESCAPES) yield* Iterator.from(encoding(text)).take(dialects)
}

/** UTF-8, one byte a character: a quarter of the memory of an array of bytes, and it can be compared. */
function binary(text: string): string {
  // Most forms are ASCII, and are that already.
  return /[^\0-\x7f]/.test(text) ? Buffer.from(text).toString('latin1') : text
}

/** The forms under which a secret can appear in output: all that is derived from a value. */
import { base64, ESCAPES, hex, url } from './encodings.ts'
import type { Secret } from './secret.ts'

/** Shorter derived forms are not redacted: they would blacken ordinary text. */
const SHORTEST_DERIVED_BYTES = 6
/** The same for a value without its trailing line ends, which is as secret as the value itself. */
const SHORTEST_TRIMMED_BYTES = 4
/** Longer values are looked for in the commonest dialects of each escape alone, to keep memory in bounds. */
const LONG = 1024
const DIALECTS_OF_LONG = 4

/**
 * The byte patterns, one byte a character, under which a value can appear in output:
 * - the value; without its last line ends (the result of `$(cat file)`); with `\n` or `\r\n` for its line ends: as it
 *   is and in all encodings;
 * - the value with `\r\r\n` for its line ends (a terminal that writes `\r\n` for the `\n` of a `\r\n`), as it is;
 * - the value with its white space folded (the result of `echo $VALUE`) or its line ends taken out;
 * - each line of a value with several lines, as it is, without its indentation, and escaped.
 */
export function formsOf(value: Secret): Set<string> {
  const forms = new Set<string>()
  const derive = (texts: Iterable<string>) => {
    for (const text of texts) {
      const form = binary(text)
      if (form.length >= SHORTEST_DERIVED_BYTES && /[^ \t\r\n]/.test(form)) forms.add(form)
    }
  }
  if (value.isText) textForms(value.reveal(), forms, derive)
  else {
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
  const lines = trimmed.split(/\r\n|\r|\n/)
  const whole = new Set([trimmed, lines.join('\n'), lines.join('\r\n')])
  for (const text of whole) derive([text, ...hex(Buffer.from(text)), ...escaped(text, dialects)])
  // With its last line ends as well: the base64 characters that they share bits with are in none of the others.
  for (const text of whole.add(raw)) derive(base64(Buffer.from(text)))
  derive([lines.join('\r\r\n'), lines.join(' '), lines.join(''), raw.trim().replace(/[ \t\r\n]+/g, ' ')])
  if (lines.length === 1) return
  for (const line of lines) {
    const content = line.trim()
    derive([line, content, ...escaped(content, dialects)])
  }
}

/** Whether a value appears in one of the texts. For few and short ones: a `Redactor` is for streams. */
export function occursIn(value: Secret, texts: readonly string[]): boolean {
  const haystacks = texts.map(binary)
  return formsOf(value)
    .values()
    .some((form) => haystacks.some((text) => text.includes(form)))
}

function* escaped(text: string, dialects: number): Generator<string> {
  // It holds nothing that any of them escapes.
  if (/^[\w.-]*$/.test(text)) return
  for (const encoding of ESCAPES) yield* Iterator.from(encoding(text)).take(dialects)
}

/** UTF-8, one byte a character: a quarter of the memory of an array of bytes, and it can be compared. */
function binary(text: string): string {
  // Most forms are ASCII, and are that already.
  return /[^\0-\x7f]/.test(text) ? Buffer.from(text).toString('latin1') : text
}

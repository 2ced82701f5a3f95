/** Escapes of XML and HTML. */
import { lower, upper } from './hex-of-code.ts'

const NOT_ASCII = /[^ -~]/gu

/** XML 1.0 §2.4 and HTML, by name and by number. */
export function* xml(text: string): Generator<string> {
  const named = (quote: string, apostrophe: string) =>
    text.replace(/[&<>"']/g, (unit) => {
      if (unit === '"') return quote
      return unit === "'" ? apostrophe : (XML_NAMES[unit] ?? unit)
    })
  const attribute = named('&quot;', '&apos;')
  yield attribute
  yield named('"', "'")
  // Line ends in an attribute (§3.3.3)
  yield numbered(attribute, /[\t\n\r]/g, decimal)
  yield named('&quot;', "'")
  // PHP, JavaScript
  yield named('&quot;', '&#39;')
  // Python
  yield named('&quot;', '&#x27;')
  yield named('&quot;', '&#x27;').replaceAll('/', '&#x2F;')
  // Go
  yield named('&#34;', '&#39;')
  for (const write of [decimal, hexadecimal(lower), hexadecimal(upper)]) {
    yield numbered(attribute, /[\t\n\r]/g, write)
    yield numbered(attribute, NOT_ASCII, write)
    yield numbered(named('&quot;', '&#39;'), NOT_ASCII, write)
    yield numbered(text, /[&<>"']|[^ -~]/gu, write)
  }
}

function numbered(text: string, which: RegExp, write: (code: number) => string): string {
  return text.replace(which, (character) => write(character.codePointAt(0) ?? 0))
}

function decimal(code: number): string {
  return `&#${code};`
}

function hexadecimal(hexOf: (code: string) => string) {
  return (code: number) => `&#x${hexOf(code.toString(16))};`
}

const XML_NAMES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

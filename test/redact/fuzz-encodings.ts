/** How tools print a value, written independently of `src/redact`: what must not show of it then. */
import { MARK } from './reference.ts'

/** What a tool prints, and what of it must not show. */
export interface Printed {
  text: string
  needles: string[]
}

type Encode = (value: string, before: string, after: string) => Printed

/** By name, how a value is printed. `before` and `after` are encoded together with it. */
export const ENCODINGS: Readonly<Record<string, Encode>> = {
  plain: (value, before, after) => whole(value, before, after),
  base64: (value, before, after) => base64(value, before, after, 'base64'),
  base64url: (value, before, after) => base64(value, before, after, 'base64url'),
  'base64 in lines of 64': (value) => inLines(Buffer.from(value).toString('base64'), 64),
  'base64 in lines of 76': (value) => inLines(Buffer.from(value).toString('base64'), 76),
  hex: (value, before, after) => whole(hex(value), hex(before), hex(after)),
  HEX: (value, before, after) => whole(hex(value).toUpperCase(), hex(before), hex(after)),
  'a URL component': (...texts) => each(texts, encodeURIComponent),
  'a URL component in lower case': (...texts) =>
    each(texts, (text) => encodeURIComponent(text).replace(/%../g, (code) => code.toLowerCase())),
  'a whole URL': (...texts) => each(texts, encodeURI),
  'a form': (...texts) => each(texts, (text) => new URLSearchParams({ _: text }).toString().slice(2)),
  JSON: (...texts) => each(texts, json),
  'JSON in JSON': (...texts) => each(texts, (text) => json(json(text))),
  'JSON in ASCII': (...texts) => each(texts, asciiJson),
  'JSON with \\/': (...texts) => each(texts, (text) => json(text).replaceAll('/', '\\/')),
  'single quotes': (...texts) => each(texts, (text) => text.split("'").join("'\\''")),
  'double quotes': (...texts) => each(texts, (text) => text.replace(/(["\\$`])/g, '\\$1')),
  'XML text': (...texts) => each(texts, (text) => named(text, '&<>')),
  'an XML attribute': (...texts) => each(texts, (text) => named(text, '&<>"')),
  'HTML with &#39;': (...texts) => each(texts, (text) => named(text, '&<>"').replaceAll("'", '&#39;')),
  'XML by number': (...texts) =>
    each(texts, (text) => text.replace(/[&<>"']|[^ -~]/gu, (one) => `&#${one.codePointAt(0)};`)),
  'CRLF line ends': (value, before, after) => whole(value.replace(/\r?\n/g, '\r\n'), before, after),
  'line ends of a terminal': (value, before, after) =>
    whole(value.replace(/\r?\n/g, '\r\r\n'), before, after),
  'one line': (value, before, after) =>
    whole(
      value
        .trim()
        .split(/[ \t\r\n]+/)
        .join(' '),
      before,
      after,
    ),
  'a pattern of bash, traced': (...texts) => each(texts, (text) => escape(text, () => true)),
  'what Perl takes for a pattern': (...texts) =>
    each(texts, (text) => escape(text, (one) => !/[A-Za-z0-9_]/.test(one))),
  'a pattern for Python': (...texts) =>
    each(texts, (text) => escape(text, among('\t\n\v\f\r #$&()*+-.?[\\]^{|}~'))),
  'a pattern for Go': (...texts) => each(texts, (text) => escape(text, among('\\.+*?()|[]{}^$'))),
  'a pattern for PHP': (...texts) => each(texts, (text) => escape(text, among('.\\+*?[^]$(){}=!<>|:-#/'))),
  'user information of a URL': inUrl((url, text) => void (url.password = text), /:([^]*)@/),
  'a path of a URL': inUrl((url, text) => void (url.pathname = `_${text}`), /_([^]*)/),
  'a query of a URL': inUrl((url, text) => void (url.search = `_${text}`), /_([^]*)/),
  'a query of another URL': inUrl((url, text) => void (url.search = `_${text}`), /_([^]*)/, 'redis://h/'),
  'a fragment of a URL': inUrl((url, text) => void (url.hash = `_${text}`), /_([^]*)/),
  CSV: (...texts) => each(texts, (text) => text.split('"').join('""')),
  SQL: (...texts) => each(texts, (text) => text.split("'").join("''")),
  'JSON in ASCII in JSON': (...texts) => each(texts, (text) => json(asciiJson(text))),
  'JSON in JSON in ASCII': (...texts) => each(texts, (text) => asciiJson(json(text))),
  'ascii() of Python': (...texts) => each(texts, (text) => pythonAscii(text, "'\\")),
  'ascii() of Python in "quotes"': (...texts) => each(texts, (text) => pythonAscii(text, '\\')),
  'octal codes': (...texts) => each(texts, (text) => octal(text, () => true)),
  'a path that git quotes': (...texts) => each(texts, gitQuoted),
  'the host of a URL': (value, before, after) => whole(asHost(value), before, after),
  'no quotes': (value, before, after) =>
    whole(/^(["'])([^]*)\1\s*$/.exec(value)?.[2] ?? value, before, after),
  'one string of JSON': (value, before, after) => whole(lastLeaf(value), before, after),
  'the password of a URL, decoded': (value, before, after) => whole(passwordIn(value), before, after),
  'the lines of PEM': (value) =>
    inLines(/KEY-----([^]*)-----END/.exec(lastLeaf(value))?.[1]?.replace(/\\n|\W/g, '') ?? '', 64),
}

function whole(value: string, before: string, after: string): Printed {
  return { text: before + value + after, needles: telling(value.replace(/[\r\n]+$/, '')) }
}

function each([value = '', before = '', after = '']: string[], encode: (text: string) => string): Printed {
  const text = encode(before) + encode(value) + encode(after)
  return { text, needles: telling(encode(value.replace(/[\r\n]+$/, ''))) }
}

function base64(value: string, before: string, after: string, encoding: 'base64' | 'base64url'): Printed {
  const text = Buffer.from(before + value + after).toString(encoding)
  // The characters that hold bits of the value alone
  const from = Math.ceil((8 * Buffer.byteLength(before)) / 6)
  const to = Math.floor((8 * Buffer.byteLength(before + value)) / 6)
  return { text, needles: telling(text.slice(from, to)) }
}

function inLines(text: string, columns: number): Printed {
  const lines = text.match(new RegExp(`.{1,${columns}}`, 'g')) ?? []
  return { text: `${lines.join('\n')}\n`, needles: lines.filter((line) => line.length >= 8) }
}

/** Shorter ones are not derived; and what is within the mark cannot be hidden by it. */
function telling(needle: string): string[] {
  return Buffer.byteLength(needle) < 6 || MARK.includes(needle) || needle.trim() === '' ? [] : [needle]
}

function hex(text: string): string {
  return [...Buffer.from(text)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function json(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

function hex16(unit: string): string {
  return unit.charCodeAt(0).toString(16).padStart(4, '0')
}

function named(text: string, which: string): string {
  const names: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' }
  return text
    .split('')
    .map((one) => (which.includes(one) ? `&${names[one]};` : one))
    .join('')
}

/** What a URL shows of a text that one of its parts was set to. */
function inUrl(set: (url: URL, text: string) => void, where: RegExp, base = 'https://h/'): Encode {
  const encode = (text: string) => {
    // A URL has no segments of dots.
    if (/[/\\]\./.test(text)) return text
    const url = new URL(base)
    set(url, text)
    return where.exec(url.href)?.[1] ?? ''
  }
  return (...texts) => each(texts, encode)
}

function asHost(text: string): string {
  return /^[A-Za-z0-9]{8,}$/.test(text) ? text.toLowerCase() : text
}

/** The last string of a value that is JSON, else the value. */
function lastLeaf(value: string): string {
  try {
    return (
      JSON.stringify(JSON.parse(value))
        .match(/"(?:[^"\\]|\\.)*"(?=[\]},])/g)
        ?.map((leaf) => JSON.parse(leaf) as string)
        .findLast((leaf) => leaf.length >= 8) ?? value
    )
  } catch {
    return value
  }
}

function passwordIn(value: string): string {
  return URL.canParse(value) ? decodeURIComponent(new URL(value).password) || value : value
}

function escape(text: string, which: (one: string) => boolean): string {
  return Array.from(text, (one) => (which(one) ? `\\${one}` : one)).join('')
}

function among(characters: string): (one: string) => boolean {
  return (one) => characters.includes(one)
}

function asciiJson(text: string): string {
  return Array.from(json(text).split(''), (unit) => (unit <= '~' ? unit : `\\u${hex16(unit)}`)).join('')
}

function pythonAscii(text: string, escaped: string): string {
  const names: Record<string, string> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' }
  return Array.from(text, (one) => {
    const code = one.codePointAt(0) ?? 0
    if (escaped.includes(one)) return `\\${one}`
    if (code >= 0x20 && code < 0x7f) return one
    const digits = code > 0xffff ? 8 : code > 0xff ? 4 : 2
    return names[one] ?? `\\${{ 2: 'x', 4: 'u', 8: 'U' }[digits]}${code.toString(16).padStart(digits, '0')}`
  }).join('')
}

function octal(text: string, which: (byte: number) => boolean): string {
  return Array.from(Buffer.from(text), (byte) =>
    which(byte) ? `\\${byte.toString(8).padStart(3, '0')}` : String.fromCharCode(byte),
  ).join('')
}

function gitQuoted(text: string): string {
  const names: Record<string, string> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '"': '\\"', '\\': '\\\\' }
  return Array.from(text, (one) => names[one] ?? octal(one, (byte) => byte < 0x20 || byte > 0x7e)).join('')
}

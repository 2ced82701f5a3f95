/** Percent-encoding (RFC 3986 §2.1) as encoders have it: they differ in what they leave as it is. */
import { codeOf, lower, upper } from './hex-of-code.ts'

interface Dialect {
  escaped: RegExp
  /** What a space becomes. */
  space: '%20' | '+'
  /** What an encoder changes before it encodes. */
  prepare?: (text: string) => string
  /** Without it, encoders of this kind write hexadecimal digits in both cases. */
  upperCaseAlone?: true
}

const DIALECTS: readonly Dialect[] = [
  // JavaScript's encodeURIComponent
  { escaped: /[^\w.!~*'()-]/g, space: '%20' },
  // RFC 3986 §2.3: curl, Go
  { escaped: /[^\w.~-]/g, space: '%20' },
  // A form's body (WHATWG URL §5.2), and what Python, Go and PHP take for it
  { escaped: /[^\w.*-]/g, space: '+' },
  { escaped: /[^\w.~-]/g, space: '+' },
  { escaped: /[^\w.-]/g, space: '+' },
  // Python's quote
  { escaped: /[^\w.~/-]/g, space: '%20' },
  // encodeURI
  { escaped: /[^\w.!~*'();,/?:@&=+$#-]/g, space: '%20' },
  // The percent-encode sets of WHATWG URL §1.3: userinfo; path, without `^` before 2024; query of http and of others;
  // fragment
  { escaped: /[^\w.!~*'()%$&+,-]/g, space: '%20', upperCaseAlone: true },
  { escaped: /[^!-~]|["#<>?^`{}]/g, space: '%20', upperCaseAlone: true, prepare: specialPath },
  { escaped: /[^!-~]|["#<>?`{}]/g, space: '%20', upperCaseAlone: true, prepare: specialPath },
  { escaped: /[^!-~]|["#<>?^`{}]/g, space: '%20', upperCaseAlone: true, prepare: withoutLineEnds },
  { escaped: /[^!-~]|["#<>']/g, space: '%20', upperCaseAlone: true, prepare: withoutLineEnds },
  { escaped: /[^!-~]|["#<>]/g, space: '%20', upperCaseAlone: true, prepare: withoutLineEnds },
  { escaped: /[^!-~]|["<>`]/g, space: '%20', upperCaseAlone: true, prepare: withoutLineEnds },
]

/** Any bytes, percent-encoded. */
export function* url(bytes: Buffer): Generator<string> {
  const text = bytes.toString('latin1')
  for (const { escaped, space, prepare, upperCaseAlone } of DIALECTS) {
    const prepared = prepare ? prepare(text) : text
    for (const hexOf of upperCaseAlone ? [upper] : [upper, lower]) {
      yield prepared.replace(escaped, (byte) => (byte === ' ' ? space : `%${hexOf(codeOf(byte, 2))}`))
    }
  }
}

/** WHATWG URL §4.4: tabs and line ends of what is parsed are removed. */
function withoutLineEnds(text: string): string {
  return text.replace(/[\t\r\n]/g, '')
}

/** In the path of http and the like, `\` is a `/`. */
function specialPath(text: string): string {
  return withoutLineEnds(text).replaceAll('\\', '/')
}

/** Text from elsewhere (a name, a server's error, a file's content) made safe to print on a terminal. */

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** `text` as one line without control characters and direction marks; tabs and line ends become spaces. */
export function printable(text: string): string {
  return text.replace(/[\r\n\t]/g, ' ').replace(UNSAFE, '\ufffd')
}

/** One line in which control characters but tabs are their pictures (`␛`, `␍`) and direction marks `<U+202E>`. */
export function withVisibleControls(line: string): string {
  return line.replace(UNSAFE, (char) => {
    const code = char.charCodeAt(0)
    if (char === '\t') return char
    if (code < 0x20) return String.fromCharCode(0x2400 + code)
    return code === 0x7f ? '\u2421' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
  })
}

/** `printable`, with blanks collapsed and cut to `limit` characters: for texts of unknown length. */
export function safeLine(text: string, limit = 300): string {
  const line = printable(text.slice(0, limit * 4))
    .replace(/ {2,}/g, ' ')
    .trim()
  return line.length > limit ? `${line.slice(0, limit)}…` : line
}

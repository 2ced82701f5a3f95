/** Text from elsewhere (a name, a server's error, a file's content) made safe to print on a terminal. */

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** `text` as one line without control characters and direction marks; tabs and line ends become spaces. */
export function printable(text: string): string {
  return text.replace(/[\r\n\t]/g, ' ').replace(UNSAFE, '\ufffd')
}

/** `printable`, with blanks collapsed and cut to `limit` characters: for texts of unknown length. */
export function safeLine(text: string, limit = 300): string {
  const line = printable(text.slice(0, limit * 4))
    .replace(/ {2,}/g, ' ')
    .trim()
  return line.length > limit ? `${line.slice(0, limit)}…` : line
}

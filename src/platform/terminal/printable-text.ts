// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/**
 * Foreign words (a name, a server's error, a file's content) as one line that cannot drive a terminal: no
 * control characters, no direction marks; tabs and line ends become spaces.
 */
export function printable(text: string): string {
  return text.replace(/[\r\n\t]/g, ' ').replace(UNSAFE, '\ufffd')
}

/** The same, shortened to `limit` characters: for messages whose length somebody else decides. */
export function safeLine(text: string, limit = 300): string {
  const line = printable(text.slice(0, limit * 4))
    .replace(/ {2,}/g, ' ')
    .trim()
  return line.length > limit ? `${line.slice(0, limit)}…` : line
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** `text` as it may stand in HTML, between tags or inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c)
}

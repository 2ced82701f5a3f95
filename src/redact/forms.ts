import type { Secret } from './secret.ts'

/** A piece of a value shorter than this is left alone: on its own it would blacken ordinary text. */
const SHORTEST_LINE_BYTES = 6

/**
 * The byte patterns under which a value can turn up in output: the value itself, the value without its last
 * line ends (what `$(cat file)` makes of it), and each line of a value with several lines.
 * Encodings of the value belong here too, and nowhere else.
 */
export function formsOf(value: Secret): Uint8Array[] {
  const raw = value.reveal()
  const trimmed = raw.replace(/[\r\n]+$/, '')
  const lines = trimmed.split(/\r\n|\r|\n/)
  const texts = new Set([raw, trimmed])
  for (const line of lines) if (isTelling(line)) texts.add(line)
  texts.delete('')
  return [...texts].map((text) => new TextEncoder().encode(text))
}

function isTelling(line: string): boolean {
  return line.trim() !== '' && Buffer.byteLength(line) >= SHORTEST_LINE_BYTES
}

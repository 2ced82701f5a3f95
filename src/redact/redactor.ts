/**
 * Owns: taking secret values out of output before it is stored, returned or shown, in whatever encoding of
 * `encodings.ts` they appear.
 * Refuses: to emit a byte that may still be part of a value, however long it takes: there are no timers. Everything
 * before the longest possible partial match is emitted at once.
 * Values that overlap make one mark, the longest first; values side by side make one mark each. A mark that is
 * in the output already stays one mark, whatever the values are.
 */
import { buildAutomaton } from './aho-corasick.ts'
import { buildFilter } from './find-pattern-candidates.ts'
import { formsOf } from './secret-forms.ts'
import type { Secret } from './secret.ts'
import { createStream, MARK, type Patterns, type RedactingStream } from './redacting-stream.ts'

export interface Redactor {
  /**
   * May be called while streams are open: they look for the value from their next push on.
   * @throws RangeError when all values together are too much to look for.
   */
  add(name: string, value: Secret): void
  /** @param place what the report calls it, such as the name of a task. */
  stream(place?: string): RedactingStream
  /** A whole text at once, such as a name or an error message. */
  text(text: string): string
  /** How many marks stand for each name. A value inside a longer one is not counted: the longer one is. */
  report(): Redaction[]
}

interface Redaction {
  /** The name under which a value was added. */
  secret: string
  in: string
  hits: number
}

/** Bytes of all forms of all values together; each takes some 7 bytes of memory. */
const MAX_BYTES = 32 * 1024 * 1024
/** A report names this many places; redactions in others are counted under the redactor's own. */
const MOST_PLACES = 1000

/** @param place what the report calls texts and streams without a place of their own. */
export function createRedactor(place = 'output'): Redactor {
  /** By form, the names of its values. */
  const forms = new Map<string, ReadonlySet<string>>()
  /** By place, then by name. */
  const hits = new Map<string, Map<string, number>>()
  let bytes = 0
  let built: Patterns | undefined

  /** Undefined while there is nothing to look for. */
  function patterns(): Patterns | undefined {
    if (forms.size > 0) built ??= build(forms)
    return built
  }

  function add(name: string, value: Secret): void {
    const alone = new Set([name])
    for (const form of formsOf(value)) {
      const known = forms.get(form)
      if (known?.has(name)) continue
      if (known) forms.set(form, new Set([...known, name]))
      else {
        bytes += form.length
        if (bytes > MAX_BYTES) throw new RangeError('the values are too many or too long to be redacted')
        forms.set(form, alone)
      }
      built = undefined
    }
  }

  function stream(where = place): RedactingStream {
    return createStream(patterns, (name) => {
      const known = hits.has(where) || hits.size < MOST_PLACES ? where : place
      const counts = hits.getOrInsertComputed(known, () => new Map<string, number>())
      counts.set(name, (counts.get(name) ?? 0) + 1)
    })
  }

  function text(text: string): string {
    if (forms.size === 0) return text
    const once = stream()
    const bytes = Buffer.concat([...once.push(new TextEncoder().encode(text)), ...once.end()])
    return bytes.toString('utf8')
  }

  function report(): Redaction[] {
    return [...hits].flatMap(([where, counts]) =>
      [...counts].map(([secret, count]) => ({ secret, in: where, hits: count })),
    )
  }

  return { add, stream, text, report }
}

function build(forms: ReadonlyMap<string, ReadonlySet<string>>): Patterns {
  const patterns = [...forms.keys()]
  // Only then, as it makes a stream hold back a `*` until the next byte.
  if (!forms.has(MARK) && patterns.some(meetsMark)) patterns.push(MARK)
  patterns.sort()
  return {
    automaton: buildAutomaton(patterns),
    filter: buildFilter(patterns),
    names: patterns.map((pattern) => forms.get(pattern)),
  }
}

/** Whether a pattern could match in a mark that stands in the output already, or partly in it. */
function meetsMark(pattern: string): boolean {
  if (MARK.includes(pattern)) return true
  for (let length = 1; length < MARK.length; length++) {
    if (pattern.endsWith(MARK.slice(0, length)) || pattern.startsWith(MARK.slice(-length))) return true
  }
  return false
}

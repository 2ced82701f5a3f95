/**
 * Owns: taking secret values out of output before it is stored, returned or shown.
 * Refuses: to let go of a byte that may still turn out to be part of a value, however long it takes: there are
 * no timers. Everything before the longest live partial match goes out at once.
 * Values that overlap make one mark, the longest first; values side by side make one mark each.
 */
import { buildAutomaton } from './automaton.ts'
import { formsOf } from './forms.ts'
import type { Secret } from './secret.ts'
import { createStream, type Patterns, type RedactingStream } from './stream.ts'

export interface Redactor {
  /** May be called while streams are open: they look for the value from their next push on. */
  add(name: string, value: Secret): void
  stream(): RedactingStream
  /** A whole text at once, such as a name or an error message. */
  text(text: string): string
  /** By name, how many marks stand for it. A value inside a longer one is not counted: the longer one is. */
  hits(): ReadonlyMap<string, number>
}

export function createRedactor(): Redactor {
  const forms = new Map<string, { bytes: Uint8Array; names: Set<string> }>()
  const hits = new Map<string, number>()
  let built: Patterns | undefined

  /** Undefined while there is nothing to look for. */
  function patterns(): Patterns | undefined {
    if (built || forms.size === 0) return built
    const all = [...forms.values()]
    built = {
      automaton: buildAutomaton(all.map((form) => form.bytes)),
      names: all.map((form) => form.names),
    }
    return built
  }

  function add(name: string, value: Secret): void {
    for (const bytes of formsOf(value)) {
      const id = Buffer.from(bytes).toString('latin1')
      const known = forms.get(id)
      if (known) known.names.add(name)
      else {
        forms.set(id, { bytes, names: new Set([name]) })
        built = undefined
      }
    }
  }

  const count = (name: string) => void hits.set(name, (hits.get(name) ?? 0) + 1)
  const stream = () => createStream(patterns, count)

  function text(text: string): string {
    if (forms.size === 0) return text
    const once = stream()
    const bytes = Buffer.concat([once.push(new TextEncoder().encode(text)), once.end()])
    return bytes.toString('utf8')
  }

  return { add, stream, text, hits: () => hits }
}

import { partsOf } from './script-parts.ts'

const REFERENCE = /^secret:([A-Za-z_][A-Za-z0-9_]*)$/

/**
 * The keys of all string literals of a script that are, as a whole, a reference: what it will ask for, as far
 * as that can be known before it runs. Comments do not count. What cannot be understood is skipped, so a key may
 * be missing here and never be wrong.
 */
export function referencedSecrets(source: string): string[] {
  const keys = new Set<string>()
  for (const { kind, from, to } of partsOf(source)) {
    if (kind !== 'literal' && (kind !== 'template' || source[from] !== '`')) continue
    const key = source[to - 1] === source[from] && REFERENCE.exec(source.slice(from + 1, to - 1))?.[1]
    if (key) keys.add(key)
  }
  return [...keys]
}

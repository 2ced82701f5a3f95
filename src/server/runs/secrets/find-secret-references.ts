/** The secrets that the source of a script names. */
import { lexScript } from '../sandbox/source/script-lexer.ts'

const REFERENCE = /^secret:([A-Za-z_][A-Za-z0-9_]*)$/

/**
 * The keys of all string literals of a script that are, as a whole, a reference: what the script will ask for, as
 * far as that can be known before it runs. Comments do not count. Source that is not understood is skipped, so a key
 * may be missing here, but none is wrong.
 */
export function referencedSecrets(source: string): string[] {
  const keys = new Set<string>()
  for (const { kind, from, to } of lexScript(source)) {
    if (kind !== 'literal' && (kind !== 'template' || source[from] !== '`')) continue
    const key = source[to - 1] === source[from] && REFERENCE.exec(source.slice(from + 1, to - 1))?.[1]
    if (key) keys.add(key)
  }
  return [...keys]
}

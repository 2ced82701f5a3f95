/** A TypeScript file as the JavaScript that browsers load. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A macro: it is called while fob is compiled, because no import can have the same file both as code and as text.
 * @param name of a TypeScript file in this folder that imports nothing
 */
export function scriptText(name: string): string {
  const source = readFileSync(join(import.meta.dir, name), 'utf8')
  return new Bun.Transpiler({ loader: 'ts', target: 'browser' }).transformSync(source)
}

/** Environment variables by name. */
export type Env = Readonly<Record<string, string | undefined>>

/** These make any Bun program, so also our binary, run other code: no child of ours may inherit them. */
const BUN_SWITCHES = new Set(['BUN_OPTIONS', 'BUN_BE_BUN'])

/** Ours: tokens, passphrases and settings. `CI_` is the older program's prefix, which we read as well. */
const OUR_PREFIX = /^(?:FOB|CI)_/

/** A copy of `env` that is safe to hand to another program: it may outlive us, and anybody may look into it. */
export function childEnv(env: Env): Record<string, string> {
  const copy: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !BUN_SWITCHES.has(name) && !OUR_PREFIX.test(name)) {
      copy[name] = value
    }
  }
  return copy
}

/** The command line that starts fob again: the binary itself, or Bun with our source. */
export function selfCommand(): string[] {
  const entry = Bun.main
  return entry.startsWith('/$bunfs/') || entry.includes('~BUN')
    ? [process.execPath]
    : [process.execPath, entry]
}

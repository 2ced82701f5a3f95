/** The process's environment variables: read once, and what is for fob alone kept from every child process. */

/** Environment variables by name. */
export type Env = Readonly<Record<string, string | undefined>>

/**
 * Variables that no other program may see. `FOB_` and `CI_`, the older program's prefix, name tokens, passphrases and
 * settings. `BUN_` names switches that act on any Bun program: `BUN_OPTIONS` makes one run other code,
 * `BUN_CONFIG_VERBOSE_FETCH` makes it print the headers of its requests, tokens included. With GitHub's two a program
 * can get ID tokens of the job for any audience; other steps of the job have their own copy, and miss nothing.
 */
const PRIVATE = /^(?:FOB|CI|BUN)_|^ACTIONS_ID_TOKEN_REQUEST_/

const VERBOSE_FETCH = 'BUN_CONFIG_VERBOSE_FETCH'

/** Windows does not tell the case of names apart; a plain object does. */
const isCaseSensitive = process.platform !== 'win32'

/**
 * Reads all variables, then removes the private ones from the process, so that a child that inherits `process.env`
 * does not see them. To be called once, before the first request. `Bun.spawn` without `env` passes on the variables
 * that the process was started with, whatever was deleted since: it must always be given one.
 * @returns a copy of all variables as they were, the private ones included
 */
export function takeEnvironment(env: Record<string, string | undefined> = process.env): Env {
  const taken: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(env)) {
    const key = isCaseSensitive ? name : name.toUpperCase()
    taken[key] = value
    if (!PRIVATE.test(key)) continue
    // Bun remembers the first value of this one, and forgets it only when another one is assigned.
    if (key === VERBOSE_FETCH) env[name] = '0'
    delete env[name]
  }
  return taken
}

/** A copy of `env` without the private variables, for a child process. */
export function childEnv(env: Env): Record<string, string> {
  const copy: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !PRIVATE.test(name)) copy[name] = value
  }
  return copy
}

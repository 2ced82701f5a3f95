/** The home folder of the user. */
import type * as Os from 'node:os'

/**
 * `$HOME`, else what the system says. `node:os` is loaded in the second case only: it takes a twentieth of the time
 * that an empty program takes to start and end, and every command asks for this folder.
 */
export function homeFolder(): string {
  const { HOME } = process.env
  if (process.platform !== 'win32' && HOME !== undefined && HOME !== '') return HOME
  const { homedir }: typeof Os = require('node:os')
  return homedir()
}

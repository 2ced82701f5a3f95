/** The name of this machine, as it can be told to others. */
import { hostname } from 'node:os'

/** @returns undefined where the system gives no name of plain letters, digits, dots and dashes */
export function machineName(): string | undefined {
  const name = hostname().trim()
  return /^[A-Za-z0-9._-]{1,64}$/.test(name) ? name : undefined
}

/** Reads `KEY=VALUE` arguments. */
import { Fault } from '../../contract/fault.ts'

/**
 * `KEY=VALUE` arguments as a map; the last of a key wins.
 * @throws Fault `usage`, which never repeats the value
 */
export function parseKeyValues(pairs: readonly string[], flag: string): Map<string, string> {
  const out = new Map<string, string>()
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    if (equals <= 0) throw new Fault('usage', `${flag} takes KEY=VALUE`)
    const key = pair.slice(0, equals)
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      throw new Fault('usage', `${flag}: a key has letters, digits and _ and does not begin with a digit`)
    }
    out.set(key, pair.slice(equals + 1))
  }
  return out
}

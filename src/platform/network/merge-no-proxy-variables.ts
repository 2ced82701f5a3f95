/** Which hosts are reached without a proxy: `NO_PROXY` in both spellings, and this machine. */

/** In the form of `NO_PROXY`. The last one is 127.0.0.0/8 as IPv6 writes it. */
const LOOPBACK = ['localhost', '127.0.0.0/8', '::1', '::ffff:127.0.0.0/104']

/**
 * Writes one list into `NO_PROXY` and `no_proxy`: what either holds, and this machine. `fetch` reads them from the
 * process and takes the second before the first (findings/bun-lower-case-no-proxy-hides-upper-case.sh), so a host that
 * only one of them names would be sent through the proxy, with its token.
 */
export function mergeNoProxy(env: Record<string, string | undefined>): void {
  const entries = new Set([...entriesOf(env.no_proxy), ...entriesOf(env.NO_PROXY), ...LOOPBACK])
  // curl, and so git, knows `*` only where it stands alone.
  const merged = entries.has('*') ? '*' : [...entries].join(',')
  env.no_proxy = merged
  env.NO_PROXY = merged
}

/** Blanks part entries as commas do, and names have no case. */
export function entriesOf(list = ''): string[] {
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
}

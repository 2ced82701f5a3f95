/** The loopback addresses of this machine, and how requests to them stay off a proxy. */

/** Whether a host is in 127.0.0.0/8, `::1` or `localhost`, as `URL.hostname` spells them. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

/** In the form of `NO_PROXY`. */
const LOOPBACK_NAMES = 'localhost,127.0.0.1,::1'

/**
 * Adds the loopback names to `NO_PROXY` and `no_proxy` in `env`, as the second replaces the first
 * (findings/bun-lower-case-no-proxy-hides-upper-case.sh). `fetch` reads them from the process, and a single call cannot
 * override them: with `HTTP_PROXY` set, a token for 127.0.0.1 would travel to the proxy.
 */
export function keepLoopbackOffProxies(env: Record<string, string | undefined>): void {
  for (const name of ['NO_PROXY', 'no_proxy']) {
    env[name] = [env[name], LOOPBACK_NAMES].filter(Boolean).join(',')
  }
}

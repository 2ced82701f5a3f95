/** The loopback addresses of this machine. */

/** Whether a host is in 127.0.0.0/8, `::1` or `localhost`, as `URL.hostname` spells them. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

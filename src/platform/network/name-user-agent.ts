/** `fetch` that says which program sends, and not which library. */
import type { Fetch } from '../fetch-type.ts'

/** Requests without a `User-Agent` of their own get `userAgent`. */
export function namingUserAgent(fetch: Fetch, userAgent: string): Fetch {
  return (url, init) => {
    const headers = new Headers(init?.headers)
    if (headers.has('user-agent')) return fetch(url, init)
    headers.set('user-agent', userAgent)
    return fetch(url, { ...init, headers })
  }
}

/** The address of a server in its one spelling, which is the key of everything that is stored about it. */

/** Origin and path, without a user, a query, or `/` and `/api/v1` at the end. @param url of http or https */
export function serverAddress(url: URL): string {
  let path = url.pathname
  // Both, in any number: `/api/v1/api/v1` must not be possible.
  while (/(\/|\/api\/v1)$/.test(path)) path = path.replace(/(\/|\/api\/v1)$/, '')
  return `${url.origin}${path}`
}

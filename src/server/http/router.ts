/** Finds the row of the table of routes for a request, by Hono's router. */
import { TrieRouter } from 'hono/router/trie-router'
import type { Route } from './routes.ts'

interface Found {
  route: Route
  params: Readonly<Record<string, string>>
}

export interface Router {
  /** The row for a request, and the values of `:name` in its path, decoded. HEAD is handled as GET. */
  find(method: string, pathname: string): Found | undefined
  /** The methods of all rows with that path, HEAD among them: for the `Allow` of a 405. */
  methods(pathname: string): string[]
}

/** Where several rows match a path, the first one is used. */
export function openRouter(routes: readonly Route[]): Router {
  const router = new TrieRouter<Route>()
  for (const route of routes) router.add(route.method, route.path, route)
  const allMethods = [...new Set(routes.map(({ method }) => method))]

  const search: Router['find'] = (method, pathname) => {
    const [[first]] = router.match(method, normalized(pathname))
    return first && { route: first[0], params: decoded(first[1]) }
  }

  /** By method, then by path: what the router finds for the paths without parameters. */
  const known = new Map<string, Map<string, Found>>()
  for (const { method, path } of routes) {
    const found = path.includes(':') || path.includes('*') ? undefined : search(method, path)
    if (found) known.getOrInsertComputed(method, () => new Map<string, Found>()).set(path, found)
  }

  const find: Router['find'] = (asked, pathname) => {
    const method = asked === 'HEAD' ? 'GET' : asked
    return known.get(method)?.get(pathname) ?? search(method, pathname)
  }
  return {
    find,
    methods: (pathname) =>
      allMethods
        .filter((method) => find(method, pathname) !== undefined)
        .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method)),
  }
}

/** Every segment with the escapes that it needs and no other, so that `/%74okens` is `/tokens`, and `%2F` no slash. */
function normalized(pathname: string): string {
  if (!pathname.includes('%')) return pathname
  return pathname
    .split('/')
    .map((segment) => encodeURIComponent(decode(segment)))
    .join('/')
}

function decoded(params: Readonly<Record<string, string | number>>): Record<string, string> {
  const values: Record<string, string> = {}
  for (const name in params) values[name] = decode(String(params[name]))
  return values
}

/** A segment whose escapes are not valid stands for itself. */
function decode(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

import type { Route } from './routes.ts'

interface Found {
  route: Route
  params: Readonly<Record<string, string>>
}

export interface Router {
  /** The row that answers, and the values of `:name` in its path, decoded. A HEAD is answered as a GET. */
  find(method: string, pathname: string): Found | undefined
  /** The methods that all rows with that path answer, HEAD among them: for the `Allow` of a 405. */
  methods(pathname: string): string[]
}

/**
 * Looks a path up as it stands; a path that has parts to be named, or an escape in it, is compared with the
 * rows one after the other, segment by segment, and the first that fits answers.
 */
export function openRouter(routes: readonly Route[]): Router {
  const rows = routes.map((route) => ({ route, segments: route.path.split('/') }))
  const literal = new Map<string, Map<string, Found>>()
  for (const route of routes.toReversed()) {
    if (route.path.includes('/:')) continue
    const ofMethod = literal.get(route.method) ?? new Map<string, Found>()
    literal.set(route.method, ofMethod.set(route.path, { route, params: {} }))
  }
  return {
    find(method, pathname) {
      const wanted = method === 'HEAD' ? 'GET' : method
      const known = literal.get(wanted)?.get(pathname)
      if (known !== undefined) return known
      const segments = decode(pathname)
      for (const { route, segments: pattern } of rows) {
        const params = route.method === wanted ? match(pattern, segments) : undefined
        if (params !== undefined) return { route, params }
      }
      return undefined
    },
    methods(pathname) {
      const segments = decode(pathname)
      const fitting = rows.filter(({ segments: pattern }) => match(pattern, segments) !== undefined)
      const methods = fitting.map(({ route }) => route.method)
      return [...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method)))]
    },
  }
}

/** A segment whose escapes are broken stands for itself. */
function decode(pathname: string): string[] {
  return pathname.split('/').map((segment) => {
    if (!segment.includes('%')) return segment
    try {
      return decodeURIComponent(segment)
    } catch {
      return segment
    }
  })
}

/** The values of `:name`, none of which is empty; undefined when the path is another one. */
function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? ''
    if (!part.startsWith(':')) {
      if (part !== segment) return undefined
    } else if (segment === '') {
      return undefined
    } else {
      params[part.slice(1)] = segment
    }
  }
  return params
}

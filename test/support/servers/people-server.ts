/** A server of people and tenants: the token `canary-ada` is Ada's, and so on; it records each request. */
export interface PeopleServer {
  url: string
  requests: { path: string; authorization: string | null; tenant: string | null }[]
  stop(): Promise<void>
}

/** @param tenants those that everyone is a member of, the first by default; undefined: no such route. */
export function startPeopleServer(tenants?: readonly string[]): PeopleServer {
  const requests: PeopleServer['requests'] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      const path = new URL(request.url).pathname
      if (path === '/health') return Response.json({ status: 'ok', version: '0', strategy: 'oauth' })
      const [authorization, tenant] = ['authorization', 'x-tenant'].map((name) => request.headers.get(name))
      requests.push({ path, authorization: authorization ?? null, tenant: tenant ?? null })
      const name = /^Bearer canary-([a-z]{1,20})/.exec(authorization ?? '')?.[1]
      if (name === undefined) return new Response('', { status: 401 })
      if (tenants !== undefined && tenant != null && !tenants.includes(tenant)) {
        const error = { error: 'unknown_tenant', message: 'you are not a member of that tenant', tenants }
        return Response.json(error, { status: 403 })
      }
      if (path === '/api/v1/profile') {
        return Response.json({ id: `id-${name}`, name, email: `${name}@example.com`, tenant: tenants?.[0] })
      }
      if (path === '/api/v1/tenants' && tenants !== undefined) {
        const current = tenant ?? tenants[0]
        const row = (slug: string) => ({
          id: `t-${slug}`,
          slug,
          name: slug.toUpperCase(),
          role: 'member',
          current: slug === current,
        })
        return Response.json(tenants.map(row))
      }
      return Response.json({ error: 'not_found' }, { status: 404 })
    },
  })
  return { url: server.url.origin, requests, stop: () => server.stop(true) }
}

/** A remote MCP server that wants a token, with its authorization server at the same origin; it approves at once. */

export interface ProtectedOptions {
  /** What the metadata say in the place of the truth. */
  resource?: string
  issuer?: string
  challengeMethods?: readonly string[]
  registers?: boolean
  iss?: string
  refusesAll?: boolean
}

export interface ProtectedServer {
  url: string
  registered: Record<string, unknown>[]
  authorized: URLSearchParams[]
  granted: URLSearchParams[]
  /** All access tokens so far are refused from now on. */
  revokeAccess(): void
  stop(): Promise<void>
}

export function protectedServer(options: ProtectedOptions = {}): ProtectedServer {
  const registered: Record<string, unknown>[] = []
  const authorized: URLSearchParams[] = []
  const granted: URLSearchParams[] = []
  const valid = new Set<string>()
  let count = 0

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const { pathname, searchParams, origin } = new URL(request.url)
      if (pathname === '/.well-known/oauth-protected-resource/mcp') {
        return Response.json({
          resource: options.resource ?? `${origin}/mcp`,
          authorization_servers: [origin],
        })
      }
      if (pathname === '/.well-known/oauth-authorization-server')
        return Response.json(metadata(origin, options))
      if (pathname === '/register') {
        registered.push((await request.json()) as Record<string, unknown>)
        return Response.json({ client_id: `client-${registered.length}` }, { status: 201 })
      }
      if (pathname === '/authorize') {
        authorized.push(searchParams)
        const back = new URL(searchParams.get('redirect_uri') ?? '')
        back.searchParams.set('code', 'a-code')
        back.searchParams.set('state', searchParams.get('state') ?? '')
        back.searchParams.set('iss', options.iss ?? origin)
        return Response.redirect(back.href)
      }
      if (pathname === '/token') {
        granted.push(new URLSearchParams(await request.text()))
        const token = `access-${(count += 1)}`
        if (options.refusesAll !== true) valid.add(token)
        return Response.json({
          access_token: token,
          token_type: 'Bearer',
          expires_in: 3600,
          refresh_token: `refresh-${count}`,
        })
      }
      return mcp(request, valid)
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}/mcp`,
    registered,
    authorized,
    granted,
    revokeAccess: () => valid.clear(),
    stop: () => server.stop(true),
  }
}

function metadata(origin: string, options: ProtectedOptions): object {
  return {
    issuer: options.issuer ?? origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    ...(options.registers === false ? {} : { registration_endpoint: `${origin}/register` }),
    code_challenge_methods_supported: options.challengeMethods ?? ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: true,
  }
}

async function mcp(request: Request, valid: ReadonlySet<string>): Promise<Response> {
  const token = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? ''
  if (!valid.has(token)) return new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer' } })
  if (request.method !== 'POST') return new Response(null, { status: 405 })
  const { id, method } = (await request.json()) as { id?: unknown; method?: string }
  if (id === undefined) return new Response(null, { status: 202 })
  const result =
    method === 'initialize'
      ? {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'real', version: '1' },
        }
      : method === 'tools/list'
        ? { tools: [{ name: 'real' }] }
        : { content: [] }
  return Response.json({ jsonrpc: '2.0', id, result })
}

/** A remote MCP server whose responses a test decides: by default a Streamable HTTP server of revision 2025-11-25. */

/** A request that came, with its body parsed. */
interface Received {
  method: string
  headers: Headers
  path: string
  body: { id?: string | number; method?: string; params?: Record<string, unknown> }
}

/** Undefined: the server responds as it does by default. */
export type Respond = (received: Received) => Response | undefined | Promise<Response | undefined>

export interface ScriptedServer {
  url: string
  received: Received[]
  /** The JSON-RPC methods that came. */
  methods(): string[]
  stop(): Promise<void>
}

/** @param respond tried first, for every request */
export function scriptedServer(respond: Respond = () => undefined, path = '/mcp'): ScriptedServer {
  const received: Received[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    fetch: async (request) => {
      const text = await request.text()
      const one: Received = {
        method: request.method,
        headers: request.headers,
        path: new URL(request.url).pathname,
        body: text === '' ? {} : (JSON.parse(text) as Received['body']),
      }
      received.push(one)
      return (await respond(one)) ?? byDefault(one)
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}${path}`,
    received,
    methods: () => received.flatMap(({ body }) => body.method ?? []),
    stop: () => server.stop(true),
  }
}

function byDefault({ method, body }: Received): Response {
  if (method === 'DELETE') return new Response(null, { status: 204 })
  if (method !== 'POST') return new Response(null, { status: 405 })
  if (body.id === undefined || body.method === undefined) return new Response(null, { status: 202 })
  if (body.method === 'initialize') return json(body.id, initialized(), { 'mcp-session-id': 'session-1' })
  if (body.method === 'tools/list')
    return json(body.id, { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] })
  if (body.method === 'tools/call') return json(body.id, { content: [{ type: 'text', text: 'done' }] })
  return Response.json({ jsonrpc: '2.0', id: body.id, error: { code: -32_601, message: 'Method not found' } })
}

/** The result of `initialize`. */
export function initialized(protocolVersion = '2025-11-25'): Record<string, unknown> {
  return { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'scripted', version: '1' } }
}

export function json(id: unknown, result: object, headers: Record<string, string> = {}): Response {
  return Response.json({ jsonrpc: '2.0', id, result }, { headers })
}

/** A stream of events; each is the text of its fields, such as `id: 1\ndata: …`. */
export function events(...texts: string[]): Response {
  return new Response(texts.map((text) => `${text}\n\n`).join(''), {
    headers: { 'content-type': 'text/event-stream' },
  })
}

export function data(message: object, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}`
}

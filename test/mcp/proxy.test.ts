/** The proxy between a host and a server without logins: sessions, streams, revisions, errors, and its end. */
import { afterEach, describe, expect, test } from 'bun:test'
import { hostOf, type ProxyHost } from '../support/mcp/proxy-host.ts'
import {
  data,
  events,
  initialized,
  json,
  type Respond,
  scriptedServer,
} from '../support/mcp/scripted-server.ts'

const open: { end(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const { end } of open.splice(0)) await end()
})

function connect(respond?: Respond, options: Parameters<typeof hostOf>[1] = {}) {
  const server = scriptedServer(respond)
  const host: ProxyHost = hostOf(server.url, options)
  open.push({ end: () => host.interrupt() }, { end: () => server.stop() })
  return { server, host }
}
const META = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }

describe('one session', () => {
  test('S137 messages go through, and the session ID and the revision go with each after the first', async () => {
    const { host, server } = connect()
    expect((await host.initialize()).result).toEqual(initialized())
    expect((await host.request('tools/list')).result).toHaveProperty('tools')
    await host.end()
    const [first, ...later] = server.received
    expect(first?.headers.get('mcp-session-id')).toBeNull()
    expect(first?.headers.get('mcp-protocol-version')).toBeNull()
    expect(later.every(({ headers }) => headers.get('mcp-session-id') === 'session-1')).toBe(true)
    expect(later.every(({ headers }) => headers.get('mcp-protocol-version') === '2025-11-25')).toBe(true)
    expect(server.methods()).toEqual(['initialize', 'notifications/initialized', 'tools/list'])
    expect(server.received.at(-1)?.method).toBe('DELETE')
  })

  test('a message is passed on byte for byte, and its line ends between tokens become blanks', async () => {
    const text = '{"jsonrpc": "2.0",\n "id": 7, "result": {"big": 12345678901234567890, "s": "a\\nb"}}'
    const { host, server } = connect(({ body }) =>
      body.method === 'x'
        ? new Response(text, { headers: { 'content-type': 'application/json' } })
        : undefined,
    )
    await host.initialize()
    host.sayText('{"id":7,"jsonrpc":"2.0","method":"x","params":{"n":12345678901234567890}}')
    await host.hears(({ id }) => id === 7)
    expect(host.lines.at(-1)).toBe(`${text.replace('\n', ' ')}\n`)
    expect(server.received.length).toBeGreaterThan(0)
  })

  test('a server that has forgotten the session gets a new one, and the request once more', async () => {
    let lost = true
    const { host, server } = connect(({ body, headers }) => {
      if (body.method !== 'tools/list' || !lost) return undefined
      lost = false
      return new Response(`no session ${headers.get('mcp-session-id')}`, { status: 404 })
    })
    await host.initialize()
    expect((await host.request('tools/list')).result).toHaveProperty('tools')
    const [, , again] = server.methods().flatMap((name, at) => (name === 'initialize' ? [at] : []))
    expect(again).toBeUndefined()
    expect(server.methods().filter((name) => name === 'initialize')).toHaveLength(2)
    expect(server.methods().filter((name) => name === 'notifications/initialized')).toHaveLength(2)
    expect(host.lines.filter((line) => line.includes('fob-initialize'))).toEqual([])
  })

  test('a request for the host and its response cross in the stream of the call', async () => {
    let answered: unknown
    const { host } = connect(async ({ body }) => {
      if (body.method === undefined && body.id === 'ask-1') answered = body
      if (body.method !== 'tools/call') return undefined
      return events(
        data({ id: 'ask-1', method: 'roots/list' }),
        data({ id: body.id, result: { content: [] } }),
      )
    })
    await host.initialize()
    host.say({ id: 5, method: 'tools/call', params: { name: 'x' } })
    await host.hears(({ method }) => method === 'roots/list')
    host.say({ id: 'ask-1', result: { roots: [] } })
    await host.hears(({ id }) => id === 5)
    await host.end()
    expect(answered).toMatchObject({ id: 'ask-1', result: { roots: [] } })
  })

  test('a batch of 2025-03-26 goes through as it is', async () => {
    const { host } = connect(({ body }) => {
      if (!Array.isArray(body)) return undefined
      const parts = body as { id: number }[]
      return Response.json(parts.map(({ id }) => ({ jsonrpc: '2.0', id, result: {} })))
    })
    await host.initialize('2025-03-26')
    host.sayText(JSON.stringify([1, 2].map((n) => ({ jsonrpc: '2.0', id: n + 10, method: 'ping' }))))
    await host.hears((message) => Array.isArray(message))
    expect(host.lines.at(-1)).toContain('"id":11')
  })
})

describe('streams', () => {
  test('a stream that breaks is resumed after its last event, when the server says', async () => {
    const { host, server } = connect(({ method, body, headers }) => {
      if (method === 'GET') {
        const last = headers.get('last-event-id')
        return last === 'e1'
          ? events(data({ id: 9, result: { ok: true } }, 'e2'))
          : new Response(null, { status: 405 })
      }
      return body.method === 'tools/call' ? events('retry: 20', 'id: e1\ndata:') : undefined
    })
    await host.initialize()
    const { result } = await host.request('tools/call', { name: 'x' }, 9)
    expect(result).toEqual({ ok: true })
    const resumed = server.received.find(({ headers }) => headers.get('last-event-id') === 'e1')
    expect(resumed?.headers.get('mcp-session-id')).toBe('session-1')
  })

  test('a stream that ends without the response, and cannot be resumed, is an error that says so', async () => {
    const { host } = connect(({ body }) => (body.method === 'tools/call' ? events(': nothing') : undefined))
    await host.initialize()
    const { error } = await host.request('tools/call', { name: 'x' })
    expect(error?.message).toContain('the connection to the server ended before its response')
  })

  test('what the server sends unasked reaches the host, and the stream is opened again when it ends', async () => {
    let opened = 0
    const { host } = connect(({ method }) => {
      if (method !== 'GET') return undefined
      opened += 1
      return events('retry: 10', data({ method: 'notifications/tools/list_changed', params: { opened } }))
    })
    await host.initialize()
    await host.hears(({ params }) => params?.opened === 1)
    await host.hears(({ params }) => params?.opened === 2)
  })

  test('S139 an old server with SSE alone is found by its refusal of the POST, and used by its own address', async () => {
    let send: ((text: string) => void) | undefined
    const { host, server } = connect(({ method, path, body }) => {
      if (path === '/mcp' && method === 'POST') return new Response('Cannot POST /mcp', { status: 404 })
      if (path === '/mcp') {
        const stream = new ReadableStream<string>({
          start: (controller) => {
            send = (text) => controller.enqueue(`event: message\n${text}\n\n`)
            controller.enqueue('event: endpoint\ndata: /messages?session=1\n\n')
          },
        })
        return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
      }
      const { id, method: asked } = body
      if (id !== undefined)
        send?.(data({ id, result: asked === 'initialize' ? initialized('2024-11-05') : { asked } }))
      return new Response('Accepted', { status: 202 })
    })
    expect((await host.initialize('2024-11-05')).result).toEqual(initialized('2024-11-05'))
    expect((await host.request('tools/list')).result).toEqual({ asked: 'tools/list' })
    expect(server.received.filter(({ path }) => path === '/messages')).toHaveLength(3)
  })

  test('an old server that names an address elsewhere for messages gets none', async () => {
    const stranger = scriptedServer()
    open.push({ end: () => stranger.stop() })
    const { host } = connect(({ method }) =>
      method === 'POST'
        ? new Response(null, { status: 405 })
        : events(`event: endpoint\ndata: ${stranger.url}`),
    )
    const { error } = await host.initialize()
    expect(error?.message).toContain('another origin')
    expect(stranger.received).toEqual([])
  })
})

describe('revision 2026-07-28', () => {
  test('a request without a session carries its revision, method and name as headers', async () => {
    const { host, server } = connect()
    await host.request('server/discover', { _meta: META }, 'probe-1')
    await host.request('tools/call', { name: 'größe', _meta: META })
    const [probe, call] = server.received
    expect(probe?.headers.get('mcp-protocol-version')).toBe('2026-07-28')
    expect(probe?.headers.get('mcp-method')).toBe('server/discover')
    expect(call?.headers.get('mcp-name')).toBe(`=?base64?${Buffer.from('größe').toString('base64')}?=`)
    expect(server.methods()).not.toContain('initialize')
  })

  test('arguments that the schema of a tool marks are repeated in headers', async () => {
    const inputSchema = {
      type: 'object',
      properties: {
        region: { type: 'string', 'x-mcp-header': 'Region' },
        at: { type: 'object', properties: { shard: { type: 'integer', 'x-mcp-header': 'Shard' } } },
        list: { type: 'array', items: { type: 'string', 'x-mcp-header': 'No' } },
      },
    }
    const { host, server } = connect(({ body }) =>
      body.method === 'tools/list' ? json(body.id, { tools: [{ name: 'run', inputSchema }] }) : undefined,
    )
    await host.request('tools/list', { _meta: META })
    const args = { region: 'eu west', at: { shard: 7 }, list: ['a'] }
    await host.request('tools/call', { name: 'run', arguments: args, _meta: META })
    const headers = server.received.at(-1)?.headers
    expect(headers?.get('mcp-param-region')).toBe('eu west')
    expect(headers?.get('mcp-param-shard')).toBe('7')
    expect(headers?.has('mcp-param-no')).toBe(false)
  })

  test('a server that refuses server/discover does not know it, so that the host sends initialize', async () => {
    const { host } = connect(({ body }) =>
      body.method === 'server/discover'
        ? new Response('Bad Request: no session', { status: 400 })
        : undefined,
    )
    const { error, id } = await host.request('server/discover', { _meta: META }, 'server-discover-probe-1')
    expect(id).toBe('server-discover-probe-1')
    expect(error?.code).toBe(-32_601)
    expect((await host.initialize()).result).toEqual(initialized())
  })
})

describe('what goes wrong', () => {
  test('S160 a server that cannot be reached is said to be so', async () => {
    const server = scriptedServer()
    await server.stop()
    const host = hostOf(server.url)
    open.push({ end: () => host.interrupt() })
    const { error } = await host.initialize()
    expect(error?.message).toContain('the connection was refused')
    expect(host.log.join('\n')).toContain('the connection was refused')
  })

  test('an error of the server comes through with its own words, under the ID of the request', async () => {
    const said = {
      jsonrpc: '2.0',
      id: null,
      error: { code: -32_020, message: 'Header mismatch', data: { a: 1 } },
    }
    const { host } = connect(({ body }) =>
      body.method === 'tools/call' ? Response.json(said, { status: 400 }) : undefined,
    )
    await host.initialize()
    expect((await host.request('tools/call', { name: 'x' })).error).toEqual(said.error)
  })

  test.each([
    ['a page', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['JSON that is no message', () => Response.json({ hello: 1 })],
    ['a response to another request', () => json(999, {})],
    ['nothing', () => new Response(null, { status: 202 })],
    ['500', () => new Response('oops', { status: 500 })],
    ['a redirect to another origin', () => Response.redirect('https://elsewhere.example/mcp', 307)],
    ['a redirect in a circle', () => new Response(null, { status: 307, headers: { location: '/mcp' } })],
  ])('%s in place of a response is one error, and nothing of it reaches the host', async (_what, respond) => {
    const { host } = connect(({ body }) => (body.method === 'tools/call' ? respond() : undefined))
    await host.initialize()
    const { error } = await host.request('tools/call', { name: 'x' })
    expect(error?.code).toBe(-32_000)
    expect(host.lines.join('')).not.toMatch(/<html>|hello|999/)
  })

  test('a line that is not JSON-RPC is an error of its own, and the next one is read', async () => {
    const { host } = connect()
    host.sayText('not json')
    expect((await host.hears(({ error }) => error !== undefined)).error?.code).toBe(-32_700)
    expect((await host.initialize()).result).toBeDefined()
  })

  test('a request that the host cancels is left, and the server is told', async () => {
    const closed = Promise.withResolvers<void>()
    const { host, server } = connect(({ body }) => {
      if (body.method !== 'tools/call') return undefined
      const stream = new ReadableStream({ start: () => {}, cancel: () => closed.resolve() })
      return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
    })
    await host.initialize()
    host.say({ id: 40, method: 'tools/call', params: { name: 'slow' } })
    while (!server.methods().includes('tools/call')) await Bun.sleep(1)
    host.say({ method: 'notifications/cancelled', params: { requestId: 40 } })
    await closed.promise
    expect(server.methods()).toContain('notifications/cancelled')
    expect(host.lines.filter((line) => line.includes('"id":40'))).toEqual([])
  })

  test('the end of the input ends the proxy within two seconds, whatever is under way', async () => {
    const { host, server } = connect(({ body }) =>
      body.method === 'tools/call' ? new Promise<Response>(() => {}) : undefined,
    )
    await host.initialize()
    host.say({ id: 1, method: 'tools/call', params: {} })
    const since = performance.now()
    await host.end()
    expect(performance.now() - since).toBeLessThan(2000)
    expect(server.received.at(-1)?.method).toBe('DELETE')
  })

  test('responses that are on their way when the input ends still come', async () => {
    const { host } = connect(async ({ body }) => {
      if (body.method === 'tools/list') await Bun.sleep(50)
      return undefined
    })
    await host.initialize()
    host.say({ id: 77, method: 'tools/list' })
    await host.end()
    expect(host.lines.join('')).toContain('"id":77')
  })
})

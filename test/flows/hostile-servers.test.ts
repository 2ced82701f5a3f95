/** Hostile callbacks to the login listener: wrong states, huge, slow and malformed requests, and escaped errors. */
import { afterEach, describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { browserFlow } from '../../src/flows/browser-login.ts'
import { discoverProvider } from '../../src/flows/server-discovery.ts'
import { faultOf } from '../support/fault-of.ts'
import { flowContext } from '../support/client/flow-context.ts'
import { startOAuthServer } from '../support/servers/oauth-server.ts'

const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** A login that waits for its callback; `finish` approves it and tells how it ended. */
async function begin() {
  const server = startOAuthServer()
  const context = flowContext(() => {})
  const provider = await discoverProvider(server.url, context)
  const flow = browserFlow({ provider, clientId: 'fob-cli', scopes: [] }, context, [0])
  flow.catch(() => {})
  const address = (await context.heard(/^ +http/)).trim()
  const query = new URL(address).searchParams
  const callback = new URL(query.get('redirect_uri') ?? '')
  return {
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    server,
    flow,
    callback,
    state: query.get('state') ?? '',
    finish: async () => {
      const page = fetch(address)
      const { conclude, tokens } = await flow
      await Promise.all([conclude({ ok: true }), page])
      expect(server.valid.has(tokens.accessToken.reveal())).toBe(true)
      expect(await (await page).text()).toContain('✓ Logged in')
    },
  }
}

/** Bytes straight to the listener, as no HTTP library would send them. */
function raw(callback: URL, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(callback.port), '127.0.0.1', () => socket.write(text))
    sockets.push(socket)
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
    socket.on('close', () => resolve(answer))
    socket.on('error', () => resolve(answer))
  })
}

describe('a hostile callback does not end a login', () => {
  test('S201: wrong states, two codes, other paths and methods', async () => {
    await using world = await begin()
    const { callback, state, finish } = world
    for (const [search, init] of [
      ['?code=stolen&state=guess', {}],
      ['?error=access_denied&state=guess', {}],
      ['?error=access_denied', {}],
      [`?code=a&code=b&state=${state}`, {}],
      [`?code=a&state=${state}`, { method: 'HEAD' }],
      [`?code=a&state=${state}`, { method: 'POST', body: 'x' }],
      [`?code=a&state=${state}`, { headers: { host: 'evil.example' } }],
    ] as const) {
      const response = await fetch(new URL(search, callback), init)
      expect([400, 405]).toContain(response.status)
    }
    await finish()
  })

  test('an address of 1 MiB, and a header of 1 MiB', async () => {
    await using world = await begin()
    const { callback, state, finish } = world
    const long = 'x'.repeat(1024 * 1024)
    const answers = await Promise.all([
      raw(callback, `GET /callback?code=${long}&state=${state} HTTP/1.1\r\nHost: ${callback.host}\r\n\r\n`),
      raw(callback, `GET /callback?code=c&state=x HTTP/1.1\r\nHost: ${callback.host}\r\nX: ${long}\r\n\r\n`),
    ])
    for (const answer of answers) expect(answer).not.toContain('HTTP/1.1 200')
    await finish()
  })

  test('what is not HTTP', async () => {
    await using world = await begin()
    const { callback, finish } = world
    await Promise.all(
      [
        '\u0000\u0001\u0002\r\n\r\n',
        'GET\r\n\r\n',
        '\u0016\u0003\u0001\u0002\u0000',
        'GET / HTTP/9.9\r\n\r\n',
      ].map((text) => Promise.race([raw(callback, text), Bun.sleep(100)])),
    )
    await finish()
  })

  test('1,000 hits at once, and memory stays flat', async () => {
    await using world = await begin()
    const { callback, finish } = world
    Bun.gc(true)
    const before = process.memoryUsage().rss
    const statuses = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const response = await fetch(new URL(`?code=c${i}&state=guess${i}`, callback))
        await response.text()
        return response.status
      }),
    )
    expect(new Set(statuses)).toEqual(new Set([400]))
    await finish()
    Bun.gc(true)
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  })

  test('connections that send a byte now and then (slowloris) do not keep the answer out, or the port', async () => {
    await using world = await begin()
    const { callback, finish } = world
    const slow = Array.from({ length: 200 }, () => {
      const socket = connect(Number(callback.port), '127.0.0.1', () => socket.write('G'))
      socket.on('error', () => {})
      sockets.push(socket)
      return socket
    })
    await Bun.sleep(50)
    for (const socket of slow) socket.write('E')
    const started = performance.now()
    await finish()
    expect(performance.now() - started).toBeLessThan(3000)
    expect(await fetch(callback).catch(() => 'closed')).toBe('closed')
  })

  test('a script in error_description is text on the page and a line in the terminal', async () => {
    await using world = await begin()
    const { server, flow, callback, state } = world
    const words = '<script>alert(1)</script><img src=x onerror=alert(1)>"\'&\u001b[2J\u202e'
    callback.search = new URLSearchParams({
      error: 'access_denied',
      error_description: words,
      state,
      iss: server.url,
    }).toString()
    const page = fetch(callback)
    const fault = await faultOf(flow)
    expect(fault.code).toBe('login_denied')
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(fault.message).not.toMatch(/[\u0000-\u001f\u202e]/)
    const html = await (await page).text()
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(html).not.toMatch(/<script|<img|onerror=alert\(1\)>"/)
  })
})

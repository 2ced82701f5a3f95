/** Bounds on request bodies: of each route, of all unfinished requests together, and clients that go away half-way. */
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HttpError } from '../../../../src/server/http/response/http-error.ts'
import { openHeldBodies } from '../../../../src/server/http/request/limit-total-body-bytes.ts'
import { ROUTES } from '../../../../src/server/http/routes.ts'
import { until } from '../../../support/servers/json-client.ts'
import { startLocalWorld } from '../../../support/servers/server-with-accounts.ts'
import type { TestServer } from '../../../support/servers/test-server.ts'

const KIB = 1024

let server: TestServer
beforeAll(async () => {
  server = await startLocalWorld()
})
afterAll(() => server.stop())

/** Sends the head of a POST, and collects what comes back. */
function unfinished(path: string, head: string): { socket: Socket; reply: () => string } {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  let reply = ''
  socket.on('data', (data) => void (reply += data.toString()))
  socket.on('error', () => {})
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\n${head}\r\n\r\n`,
  )
  return { socket, reply: () => reply }
}

const FOR_STRANGERS: ReadonlySet<string> = new Set(['none', 'protocol', 'interaction'])

describe('the bound of a route', () => {
  test('is 64 KiB wherever nobody had to log in', () => {
    const larger = ROUTES.filter(({ guard, maxBody }) => maxBody !== undefined && FOR_STRANGERS.has(guard))
    expect(larger).toEqual([])
  })

  test.each(['/api/auth/login', '/api/auth/refresh', '/api/auth/token', '/api/auth/logout', '/oauth/token'])(
    '%s refuses a longer body by its declared length, before any of it came',
    async (path) => {
      const { socket, reply } = unfinished(path, `Content-Length: ${64 * KIB + 1}`)
      await until(
        async () => reply(),
        (text) => text.includes('\r\n\r\n'),
      )
      expect(reply()).toStartWith('HTTP/1.1 413')
      socket.destroy()
    },
  )

  test('a body without a declared length is refused when it is seen to be longer', async () => {
    const { socket, reply } = unfinished('/api/auth/login', 'Transfer-Encoding: chunked')
    const chunk = `${(16 * KIB).toString(16)}\r\n${'x'.repeat(16 * KIB)}\r\n`
    for (let i = 0; i < 5; i++) socket.write(chunk)
    await until(
      async () => reply(),
      (text) => text.includes('larger than 64 KiB'),
    )
    expect(reply()).toStartWith('HTTP/1.1 413')
    socket.destroy()
  })

  test('exactly the bound is read', async () => {
    const body = JSON.stringify({ refreshToken: 'x', pad: '' })
    const padded = body.replace('"pad":""', `"pad":"${'x'.repeat(64 * KIB - body.length)}"`)
    expect(padded).toHaveLength(64 * KIB)
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${server.url}/api/auth/refresh`, { method: 'POST', headers, body: padded })
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining('pad is not known'),
    ])
  })
})

test('a client that goes away in the middle of its body is no defect of the server', async () => {
  const { socket } = unfinished('/api/auth/login', 'Content-Length: 1000')
  await new Promise((resolve) => socket.write('{"email":', resolve))
  socket.resetAndDestroy()
  const line = await until(
    async () =>
      server
        .log()
        .split('\n')
        .find((text) => text.includes('/api/auth/login') && text.includes(':400')),
    (text) => text !== undefined,
  )
  expect(line).toContain('"status":400')
  expect(server.log()).not.toContain('"level":"error"')
})

const refused = (work: () => void): unknown => {
  try {
    work()
    return undefined
  } catch (error) {
    return error
  }
}

describe('the ceiling of all unfinished requests', () => {
  test('refuses with 503 what would go over it, and only until others are finished', () => {
    const held = openHeldBodies(100)
    const first = new Request('http://a.test')
    const second = new Request('http://a.test')
    held.add(first, 60)
    held.add(second, 40)
    const error = refused(() => held.add(second, 1))
    expect(error).toBeInstanceOf(HttpError)
    expect(error).toMatchObject({ status: 503, code: 'busy', headers: { 'retry-after': '2' } })
    held.release(first)
    expect(refused(() => held.add(second, 60))).toBeUndefined()
    held.release(second)
    held.release(second)
    expect(refused(() => held.add(first, 100))).toBeUndefined()
  })
})

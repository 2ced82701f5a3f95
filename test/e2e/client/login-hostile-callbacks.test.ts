/** Hostile callbacks to the listener of the compiled binary: none ends or forges a login. */
import { afterEach, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { notingBrowser } from '../../support/client/binary-login.ts'
import { type Running, start } from '../../support/client/compiled-binary.ts'
import { startOAuthServer } from '../../support/servers/oauth-server.ts'

const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** A login of the binary that waits for its callback. */
async function begin() {
  const server = startOAuthServer()
  const browser = notingBrowser()
  const running = start(['auth', 'login', '-s', server.url, '--insecure-storage'], {
    env: { BROWSER: browser.command },
  })
  const address = await browser.opened()
  const query = new URL(address).searchParams
  return {
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
    running,
    server,
    address,
    callback: new URL(query.get('redirect_uri') ?? ''),
    state: query.get('state') ?? '',
    /** Approves, and checks that it ends as if nothing had been. */
    finish: async () => {
      const page = await (await fetch(address)).text()
      const { code, err } = await running.ended
      expect([code, page.includes('✓ Logged in')]).toEqual([0, true])
      expect(err).not.toContain('canary')
    },
  }
}

/** Resident memory in MiB. */
function memory({ child }: Running): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}

const linuxTest = test.skipIf(process.platform !== 'linux')

describe('hostile callbacks, against the binary', () => {
  linuxTest(
    'S201: 1,000 parallel hits, 1 MiB addresses and slow bytes: memory stays flat, the login ends well',
    async () => {
      await using world = await begin()
      const { running, callback, state, finish } = world
      const before = memory(running)
      for (let i = 0; i < 200; i++) {
        const socket = connect(Number(callback.port), '127.0.0.1', () => socket.write('G'))
        socket.on('error', () => {})
        sockets.push(socket)
      }
      const statuses = await Promise.all(
        Array.from({ length: 1000 }, async (_, i) => {
          const response = await fetch(new URL(`?code=stolen${i}&state=guess${i}`, callback))
          await response.text()
          return response.status
        }),
      )
      expect(new Set(statuses)).toEqual(new Set([400]))
      const long = 'x'.repeat(1024 * 1024)
      for (let i = 0; i < 20; i++) {
        await fetch(new URL(`?code=${long}&state=${state}`, callback))
          .then((response) => expect(response.status).toBeGreaterThanOrEqual(400))
          .catch(() => {})
      }
      for (const socket of sockets) socket.write('E')
      expect(memory(running) - before).toBeLessThan(64)
      await finish()
    },
  )

  test('a script in error_description: escaped on the page, one safe line in the terminal, exit 4', async () => {
    await using world = await begin()
    const { running, callback, state, server } = world
    callback.search = new URLSearchParams({
      error: 'access_denied',
      error_description: '<script>alert(1)</script>\u001b[2J\nfob: Logged in',
      state,
      iss: server.url,
    }).toString()
    const response = await fetch(callback)
    const html = await response.text()
    const { code, err } = await running.ended
    expect([code, response.status]).toEqual([4, 400])
    expect(html).toContain('&lt;script&gt;')
    expect(html).not.toContain('<script')
    expect(err).toContain('fob: the login was denied: <script>alert(1)</script>')
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(err).not.toMatch(/\u001b|\nfob: Logged in/)
  })
})

/** The callback listener: its ports and address, the requests it refuses, and the pages it responds with. */
import { afterEach, describe, expect, test } from 'bun:test'
import { CALLBACK_PATH, CALLBACK_PORTS } from '../../../src/contract/cli-oauth-client.ts'
import { listenForCallback, type LoopbackListener } from '../../../src/platform/browser/callback-listener.ts'

const STATE = 'the-right-state'
const open: LoopbackListener[] = []

/** A listener on a port that the system picks. */
function listen(ports: readonly number[] = [0]): LoopbackListener {
  const listener = listenForCallback(STATE, { ports, path: CALLBACK_PATH })
  if (listener === undefined) throw new Error('no port')
  open.push(listener)
  return listener
}

afterEach(async () => {
  for (const listener of open.splice(0)) await listener.close({ ok: false, message: 'the test is over' })
})

/** Whether the callback has come, without waiting for it. */
async function isPending(listener: LoopbackListener): Promise<boolean> {
  return (await Promise.race([listener.callback, Promise.resolve('pending')])) === 'pending'
}

const at = (listener: LoopbackListener, pathAndQuery: string) =>
  new URL(pathAndQuery, listener.redirectUri).href

describe('the callback listener', () => {
  test('S203: the five ports are 8765 to 8769 in this order', () => {
    expect(CALLBACK_PORTS).toEqual([8765, 8766, 8767, 8768, 8769])
  })

  test('S202, S206: it listens on 127.0.0.1 and nowhere else', async () => {
    const listener = listen()
    expect(listener.redirectUri).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)
    const { port } = new URL(listener.redirectUri)
    expect(fetch(`http://127.0.0.2:${port}/callback`)).rejects.toThrow()
    await fetch(`http://127.0.0.2:${port}/callback`).catch(() => {})
  })

  test('S203: a taken port is passed over, S204: none free gives nothing', () => {
    const taken = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() })
    const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() })
    const ports = [taken.port ?? 0, other.port ?? 0]
    expect(listenForCallback(STATE, { ports, path: CALLBACK_PATH })).toBeUndefined()
    const listener = listen([...ports, 0])
    expect(ports).not.toContain(Number(new URL(listener.redirectUri).port))
    void taken.stop(true)
    void other.stop(true)
  })

  const refused: [string, string, RequestInit, number][] = [
    ['a wrong path', '/', {}, 404],
    ['the favicon', '/favicon.ico', {}, 404],
    ['a path beside', '/callback/', {}, 404],
    ['HEAD', `/callback?code=c&state=${STATE}`, { method: 'HEAD' }, 405],
    ['POST', `/callback?code=c&state=${STATE}`, { method: 'POST', body: 'x' }, 405],
    ['no state', '/callback?code=c', {}, 400],
    ['a wrong state', '/callback?code=c&state=other', {}, 400],
    ['a state of the same length', `/callback?code=c&state=${'x'.repeat(STATE.length)}`, {}, 400],
    ['two states', `/callback?code=c&state=${STATE}&state=${STATE}`, {}, 400],
    ['two codes', `/callback?code=c&code=d&state=${STATE}`, {}, 400],
    ['neither code nor error', `/callback?state=${STATE}`, {}, 400],
    ['an error without state', '/callback?error=access_denied', {}, 400],
    ['a foreign host name', `/callback?code=c&state=${STATE}`, { headers: { host: 'evil.example' } }, 400],
    ['a long address', `/callback?code=${'c'.repeat(9000)}&state=${STATE}`, {}, 414],
  ]
  test.each(refused)('%s is refused and the wait goes on', async (_, path, init, status) => {
    const listener = listen()
    const response = await fetch(at(listener, path), init)
    expect(response.status).toBe(status)
    expect(await isPending(listener)).toBe(true)
  })

  test('S207: the browser is told only after the login has worked', async () => {
    const listener = listen()
    const answer = fetch(at(listener, `/callback?code=c&state=${STATE}`))
    const url = await listener.callback
    expect(url.searchParams.get('code')).toBe('c')
    expect(await Promise.race([answer, Promise.resolve('waiting')])).toBe('waiting')
    await Promise.all([listener.close({ ok: true }), answer])
    const response = await answer
    const text = await response.text()
    expect([response.status, text.includes('✓ Logged in — return to your terminal')]).toEqual([200, true])
    const csp = response.headers.get('content-security-policy') ?? ''
    expect(csp).toContain("default-src 'none'; style-src 'sha256-")
    expect(text).not.toContain('<script')
  })

  test('the style is the one that the policy names', async () => {
    const listener = listen()
    const response = await fetch(at(listener, '/'))
    const style = /<style>([^]*)<\/style>/.exec(await response.text())?.[1] ?? ''
    const hash = new Bun.CryptoHasher('sha256').update(style).digest('base64')
    expect(response.headers.get('content-security-policy')).toContain(`'sha256-${hash}'`)
  })

  test('a login that failed is told so, and foreign words are escaped', async () => {
    const listener = listen()
    const answer = fetch(at(listener, `/callback?error=access_denied&state=${STATE}`))
    await listener.callback
    await Promise.all([listener.close({ ok: false, message: '<script>alert(1)</script>' }), answer])
    const text = await (await answer).text()
    expect(text).toContain('&lt;script&gt;')
    expect(text).not.toContain('<script')
    expect(text).not.toContain('✓ Logged in')
  })

  test('a second hit is answered politely and changes nothing', async () => {
    const listener = listen()
    const first = fetch(at(listener, `/callback?code=c&state=${STATE}`))
    await listener.callback
    const second = await fetch(at(listener, `/callback?code=d&state=${STATE}`))
    expect([second.status, (await second.text()).includes('has its response')]).toEqual([200, true])
    expect((await listener.callback).searchParams.get('code')).toBe('c')
    await listener.close({ ok: true })
    expect((await first).status).toBe(200)
  })

  test('after close the port is free again, and a second close does no harm', async () => {
    const listener = listen()
    await listener.close({ ok: true })
    await listener.close({ ok: true })
    const again = listen([Number(new URL(listener.redirectUri).port)])
    expect(again.redirectUri).toBe(listener.redirectUri)
  })
})

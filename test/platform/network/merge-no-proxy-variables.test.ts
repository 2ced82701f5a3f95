/** `NO_PROXY` in all its forms and both spellings: what fob works out agrees with where `fetch` sends a request. */
import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import { mergeNoProxy } from '../../../src/platform/network/merge-no-proxy-variables.ts'
import { proxyOf } from '../../../src/platform/network/find-proxy-for-request.ts'

const asked: string[] = []
const proxy = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: (request) => {
    asked.push(`${request.headers.get('host')} ${request.headers.get('authorization')}`)
    return new Response('the proxy')
  },
})

const NAMES = ['HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy', 'ALL_PROXY', 'all_proxy']
const before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]))
const restore = () => {
  for (const name of NAMES) {
    const value = before[name]
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}
afterEach(restore)
afterAll(() => proxy.stop(true))

/** Where a request with a token goes, by `fetch` and by what fob works out. */
async function route(lists: Record<string, string>, host: string) {
  for (const name of NAMES) delete process.env[name]
  Object.assign(process.env, { HTTP_PROXY: proxy.url.href, ...lists })
  mergeNoProxy(process.env)
  asked.length = 0
  const url = new URL(`http://${host}/`)
  const init = { headers: { authorization: 'Bearer canary' }, signal: AbortSignal.timeout(1000) }
  await fetch(url, init).catch(() => {})
  const workedOut = proxyOf(url, process.env) === undefined ? 'direct' : 'proxy'
  return { sent: asked.length === 0 ? 'direct' : 'proxy', workedOut }
}

describe.each(['NO_PROXY', 'no_proxy'])('%s keeps a host off the proxy', (name) => {
  test.each([
    ['*', 'h.invalid'],
    ['h.invalid', 'h.invalid'],
    ['h.invalid', 'deep.h.invalid'],
    ['H.Invalid', 'h.invalid'],
    ['.invalid', 'h.invalid'],
    ['*.invalid', 'h.invalid'],
    ['h.invalid:80', 'h.invalid'],
    ['h.invalid:8080', 'h.invalid:8080'],
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.0/24', '192.0.2.7'],
    ['2001:db8::1', '[2001:db8::1]'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
    ['2001:db8::/32', '[2001:db8::1]'],
    [' a.invalid ,\th.invalid , ', 'h.invalid'],
    ['a.invalid h.invalid', 'h.invalid'],
    ['a.invalid,*', 'h.invalid'],
    ['h.invalid', 'h.invalid.'],
  ])('in the form %j: %s', async (list, host) => {
    expect(await route({ [name]: list }, host)).toEqual({ sent: 'direct', workedOut: 'direct' })
  })

  test.each([
    ['', 'h.invalid'],
    ['other.invalid', 'h.invalid'],
    ['nvalid', 'h.invalid'],
    ['h.invalid:81', 'h.invalid'],
    ['192.0.3.0/24', '192.0.2.7'],
    ['192.0.2.0/33', '192.0.2.7'],
    ['192.0.2.0/', '192.0.2.7'],
    ['2001:db9::/32', '[2001:db8::1]'],
    ['0.0.0.0/0', 'h.invalid'],
  ])('and no other: %j, %s', async (list, host) => {
    expect(await route({ [name]: list }, host)).toEqual({ sent: 'proxy', workedOut: 'proxy' })
  })
})

test.each([
  ['NO_PROXY', 'h.invalid'],
  ['no_proxy', 'g.invalid'],
])('the two spellings are one list: what %s holds is kept off', async (_, host) => {
  const lists = { NO_PROXY: 'h.invalid', no_proxy: 'g.invalid' }
  expect(await route(lists, host)).toEqual({ sent: 'direct', workedOut: 'direct' })
})

test.each([
  'localhost',
  'app.localhost',
  '127.0.0.1',
  '127.0.0.2',
  '127.255.255.254',
  '[::1]',
  '[::ffff:127.0.0.1]',
])('a token for %s, which is this machine, never goes through a proxy', async (host) => {
  // Port 1 is closed: nothing listens where the request goes.
  expect(await route({}, `${host}:1`)).toEqual({ sent: 'direct', workedOut: 'direct' })
})

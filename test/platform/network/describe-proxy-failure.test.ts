/** Requests that fail at a proxy: the message names the proxy and the variable, and not the server. */
import { afterEach, describe, expect, test } from 'bun:test'
import { createServer, type Server } from 'node:net'
import { cannotReach, fetchFailure, reasonOf } from '../../../src/platform/network/describe-fetch-failure.ts'
import { fetchNamingProxies } from '../../../src/platform/network/fetch-naming-proxies.ts'
import { freePort } from '../../support/free-port.ts'

const NAMES = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'NO_PROXY', 'no_proxy']
const before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]))
const open: Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) server.close()
  for (const name of NAMES) {
    const value = before[name]
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
})

/** A stand-in of a proxy: sends these bytes for whatever comes, or closes the connection. */
async function proxyThatSends(bytes: string | undefined): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => (bytes === undefined ? socket.destroy() : socket.write(bytes)))
  })
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

const page = (status: string, head = '') =>
  `HTTP/1.1 ${status}\r\ncontent-type: text/html\r\n${head}content-length: 4\r\n\r\npage`

/** What is said of a name under `.invalid`: a machine without a name server cannot tell. */
const NO_HOST = await fetch('http://ci.invalid').then(() => '', fetchFailure)

/** What a request that fails comes to, with the variables set in the process. */
async function failure(variables: Record<string, string>, url: string) {
  for (const name of NAMES) delete process.env[name]
  Object.assign(process.env, variables)
  const send = fetchNamingProxies(fetch, process.env)
  const error: unknown = await send(url, { signal: AbortSignal.timeout(2000) }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeDefined()
  return {
    ...cannotReach(new URL(url).origin, error, 'none'),
    mayHaveArrived: reasonOf(error).mayHaveArrived,
  }
}

describe.each([
  ['HTTPS_PROXY', 'https://ci.invalid'],
  ['HTTP_PROXY', 'http://ci.invalid'],
])('%s, %s', (variable, url) => {
  test('a proxy that is down is named', async () => {
    const proxy = `http://127.0.0.1:${freePort()}`
    const { message, hint, mayHaveArrived } = await failure({ [variable]: proxy }, url)
    expect(message).toBe(`cannot reach the proxy ${proxy} (${variable}): the connection was refused`)
    expect(hint).toContain(`correct ${variable}; list ci.invalid in NO_PROXY`)
    expect(mayHaveArrived).toBe(false)
  })

  test('a proxy whose host does not exist is named', async () => {
    const { message } = await failure({ [variable]: 'http://proxy.invalid:3128' }, url)
    expect(message).toStartWith(`cannot reach the proxy http://proxy.invalid:3128 (${variable}): `)
    expect(message).toEndWith(NO_HOST)
  })

  test('a proxy that asks for a password is named', async () => {
    const proxy = await proxyThatSends(page('407 Auth', 'proxy-authenticate: Basic realm="x"\r\n'))
    const { message, hint } = await failure({ [variable]: proxy }, url)
    expect(message).toBe(`the proxy http://${proxy} (${variable}) asks for a name and a password (407)`)
    expect(hint).toBe(`set ${variable}=http://NAME:PASSWORD@HOST:PORT`)
  })

  test('a proxy that refuses the password is named, and the password is not shown', async () => {
    const proxy = await proxyThatSends(page('407 Auth'))
    const told = await failure({ [variable]: `http://ada:canary@${proxy}` }, url)
    expect(told.message).toBe(
      `the proxy http://${proxy} (${variable}) does not accept the password in ${variable} (407)`,
    )
    expect(JSON.stringify(told)).not.toContain('canary')
  })

  test('a SOCKS proxy is named, whether its address says so or not', async () => {
    const said = await failure({ [variable]: 'socks5://127.0.0.1:1080' }, url)
    expect(said.message).toBe(
      `the proxy socks5://127.0.0.1:1080 (${variable}) is a SOCKS proxy, and fob uses HTTP proxies`,
    )
    const proxy = await proxyThatSends(undefined)
    const silent = await failure({ [variable]: `http://${proxy}` }, url)
    expect(silent.message).toBe(
      `the proxy http://${proxy} (${variable}) closed the connection without a response`,
    )
    expect(silent.hint).toContain('a SOCKS proxy closes like this')
  })

  test('an address that is none is not shown, as it could hold a password', async () => {
    const told = await failure({ [variable]: 'http://ada:canary@pro xy' }, url)
    expect(told.message).toBe(`the proxy in ${variable} is not the address of an HTTP proxy`)
    expect(JSON.stringify(told)).not.toContain('canary')
  })
})

test('a proxy that refuses the password with 401, as tinyproxy does, is named', async () => {
  const proxy = await proxyThatSends(page('401 Unauthorized'))
  const { message } = await failure({ HTTPS_PROXY: `http://ada:canary@${proxy}` }, 'https://ci.invalid')
  expect(message).toEndWith('does not accept the password in HTTPS_PROXY (401)')
})

test.each(['403 Forbidden', '502 Bad Gateway', '302 Found'])(
  'a proxy that responds to CONNECT with a page (%s) is named',
  async (status) => {
    const proxy = await proxyThatSends(page(status))
    const { message, hint } = await failure({ HTTPS_PROXY: proxy }, 'https://ci.invalid')
    expect(message).toBe(
      `the proxy http://${proxy} (HTTPS_PROXY) responded with ${status.slice(0, 3)} instead of connecting to ci.invalid`,
    )
    expect(hint).toContain('NO_PROXY')
  },
)

test('a proxy that responds with a page where TLS was expected is named', async () => {
  const proxy = await proxyThatSends(page('200 OK'))
  const { message } = await failure({ https_proxy: proxy }, 'https://ci.invalid')
  expect(message).toBe(
    `the proxy http://${proxy} (https_proxy) answers, but what comes through it is not TLS`,
  )
})

test.each(['200 OK', '403 Forbidden', '503 Unavailable', '511 Network Authentication Required'])(
  'a proxy that responds over http with a page (%s) is named',
  async (status) => {
    const proxy = await proxyThatSends(page(status))
    const { message } = await failure({ ALL_PROXY: proxy }, 'http://ci.invalid')
    expect(message).toBe(
      `the proxy http://${proxy} (ALL_PROXY) responded with a page (${status.slice(0, 3)}) in the place of ci.invalid`,
    )
  },
)

test('a page by which a server says that it has no such path comes through a proxy', async () => {
  process.env.HTTP_PROXY = await proxyThatSends(page('404 Not Found'))
  const response = await fetchNamingProxies(fetch, process.env)('http://ci.invalid')
  expect(response.status).toBe(404)
})

test('a SOCKS proxy in ALL_PROXY, which is passed over, explains why nothing was reached', async () => {
  const { message } = await failure({ ALL_PROXY: 'socks5h://127.0.0.1:1080' }, 'https://ci.invalid')
  expect(message).toContain('the proxy socks5h://127.0.0.1:1080 (ALL_PROXY) is a SOCKS proxy')
})

test('a host that NO_PROXY names is not blamed on a proxy', async () => {
  const variables = { HTTPS_PROXY: 'http://127.0.0.1:1', NO_PROXY: 'ci.invalid' }
  const { message } = await failure(variables, 'https://ci.invalid')
  expect(message).toBe(`cannot reach https://ci.invalid: ${NO_HOST}`)
})

test('an interrupted request keeps its own reason', async () => {
  process.env.HTTPS_PROXY = await proxyThatSends('')
  const stop = new AbortController()
  const sent = fetchNamingProxies(fetch, process.env)('https://ci.invalid', { signal: stop.signal })
  const reason = new Error('interrupted')
  stop.abort(reason)
  expect(await sent.catch((error: unknown) => error)).toBe(reason)
})

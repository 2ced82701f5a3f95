/** Addresses that are not those of an authorization server, which a login knows before it opens a browser. */
import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { discoverProvider } from '../../src/flows/server-discovery.ts'
import { requireAuthorizationServer } from '../../src/flows/probe-server-without-metadata.ts'
import { machine } from '../support/client/client-machine.ts'
import { faultOf } from '../support/fault-of.ts'
import { startOAuthServer } from '../support/servers/oauth-server.ts'

type Handler = (request: Request) => Response

const page = (status = 200) =>
  new Response('<html></html>', { status, headers: { 'content-type': 'text/html' } })
const isAuthorize = ({ url }: Request) => new URL(url).pathname === '/oauth/authorize'
const isToken = ({ url, method }: Request) => new URL(url).pathname === '/oauth/token' && method === 'POST'

const wall: Handler = ({ url }) =>
  new URL(url).pathname === '/login' ? page() : Response.redirect('/login', 302)

async function check(handler: Handler, path = '') {
  await using server = serve(handler)
  const context = { fetch, signal: new AbortController().signal }
  const provider = await discoverProvider(`${server.url}${path}`, context)
  await requireAuthorizationServer(provider, 'fob-cli', context)
}

function serve(handler: Handler) {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: handler })
  return { url: server.url.origin, [Symbol.asyncDispose]: () => server.stop(true) }
}

describe('is no authorization server', () => {
  test.each<[string, Handler]>([
    ['a web server with pages', () => page(404)],
    ['a web application that shows one page at every path', () => page()],
    ['a web application that takes only GET', ({ method }) => (method === 'GET' ? page() : page(405))],
    ['a login wall', wall],
    ['a server that refuses everything', () => page(403)],
    ['a server that asks everybody for a password', () => page(401)],
    ['an API without OAuth', () => Response.json({ message: 'no' }, { status: 404 })],
    ['a server that knows no GET', () => page(405)],
    ['an API that has one response to everything', () => Response.json({ ok: true })],
  ])('%s', async (_, handler) => {
    const fault = await faultOf(check(handler, '/app'))
    expect(fault.code).toBe('not_found')
    expect(fault.message).toMatch(
      /^there is no OAuth server at http:\S+\/app: it has none of \/\.well-known\/oauth-authorization-server\/app, \/app\/\.well-known\/openid-configuration, \/app\/oauth\/authorize$/,
    )
  })
})

describe('is an authorization server, though it publishes nothing', () => {
  test.each<[string, Handler]>([
    [
      'one that sends to its login page',
      (r) => (isAuthorize(r) ? Response.redirect('/login', 302) : page(404)),
    ],
    ['one that shows its login page', (r) => (isAuthorize(r) ? page() : page(404))],
    ['one that refuses the request with a page', (r) => (isAuthorize(r) ? page(400) : page(404))],
    ['one that does not know the client', (r) => (isAuthorize(r) ? page(401) : page(404))],
    [
      'one behind a login wall, whose token endpoint is open',
      (r) => (isToken(r) ? Response.json({ error: 'invalid_client' }, { status: 401 }) : wall(r)),
    ],
    [
      'one that says its errors under 200',
      (r) => (isToken(r) ? Response.json({ error: 'bad_verification_code' }) : page()),
    ],
  ])('%s', async (_, handler) => {
    await check(handler)
  })
})

test('a path below the server: exit 6 with what was looked for and where the server is, and no browser', async () => {
  await using server = startOAuthServer()
  const { run, browser } = machine()
  const { code, err } = await run(['auth', 'login', '-s', `${server.url}/settings/`])
  expect(code).toBe(6)
  expect(err).toContain(`fob: there is no OAuth server at ${server.url}/settings: it has none of `)
  expect(err).toContain(`hint: there is one at ${server.url}: name it with -s ${server.url}\n`)
  expect(err).not.toContain('Waiting')
  expect(existsSync(browser.report)).toBe(false)
})

test.each([[[]], [['--no-browser']], [['--device']]])(
  'a web server that is no authorization server: exit 6 at once, with %j',
  async (flags) => {
    await using server = serve(() => page(404))
    const { run } = machine()
    const { code, err } = await run(['auth', 'login', '-s', server.url, ...flags], { stdin: 'code' })
    expect([code, err.includes(`there is no OAuth server at ${server.url}`)]).toEqual([6, true])
  },
)

const hangsUp = () => Promise.reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' }))

test('a server that hangs up on an incomplete request is taken for one: it has responded to discovery', async () => {
  await using server = serve(() => page(404))
  const signal = new AbortController().signal
  const provider = await discoverProvider(server.url, { fetch, signal })
  await requireAuthorizationServer(provider, 'fob-cli', { fetch: hangsUp, signal })
})

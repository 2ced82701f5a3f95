/** Discovery of a server, scopes, the browser flow, refresh and revocation, against a test server. */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { Fault } from '../../src/contract/fault.ts'
import { browserFlow } from '../../src/flows/browser-login.ts'
import type { FlowContext, Obtained } from '../../src/flows/flow-types.ts'
import { discoverProvider, scopesToAsk } from '../../src/flows/server-discovery.ts'
import { refreshTokens } from '../../src/flows/refresh-grant.ts'
import { revokeToken, revokeTokens } from '../../src/flows/revoke-token.ts'
import { readUserinfo } from '../../src/flows/read-userinfo.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/redact/secret.ts'
import { endlessJson } from '../support/hostile/endless-response.ts'
import { faultOf } from '../support/fault-of.ts'
import { flowContext } from '../support/client/flow-context.ts'
import { manualClock } from '../support/manual-clock.ts'
import { type Behaviour, startOAuthServer, type TestOAuthServer } from '../support/servers/oauth-server.ts'

const never = new AbortController().signal
const anyPort = [0]
const endless = async () => endlessJson().response

describe('discoverProvider', () => {
  test.each([
    ['oauth', 'oauth-metadata'],
    ['openid', 'openid-metadata'],
    ['none', 'conventional'],
  ] as const)('S205, S208: metadata "%s" is found as %s', async (metadata, source) => {
    await using server = startOAuthServer({ metadata })
    const provider = await discoverProvider(server.url, { fetch, signal: never })
    expect(provider).toMatchObject({
      source,
      issuer: server.url,
      authorizationEndpoint: `${server.url}/oauth/authorize`,
      tokenEndpoint: `${server.url}/oauth/token`,
    })
  })

  test('an issuer elsewhere is an error that names the address to use', async () => {
    await using server = startOAuthServer({ issuer: 'https://ci.example.com' })
    const fault = await faultOf(discoverProvider(server.url, { fetch, signal: never }))
    expect(fault.code).toBe('config')
    expect(fault.message).toContain('calls itself https://ci.example.com')
    expect(fault.hint).toBe('use that address: -s https://ci.example.com')
  })

  test.each([
    ['token_endpoint', 'http://tokens.example.com/t'],
    ['authorization_endpoint', 'javascript:alert(1)'],
    ['revocation_endpoint', 'http://10.0.0.1/revoke'],
  ])('%s at %s is refused', async (field, value) => {
    await using server = startOAuthServer({ extraMetadata: { [field]: value } })
    expect((await faultOf(discoverProvider(server.url, { fetch, signal: never }))).code).toBe('config')
  })

  test('an answer that never ends is not read to its end', async () => {
    const context = { fetch: endless, signal: never }
    const fault = await faultOf(discoverProvider('https://ci.example.com', context))
    expect([fault.code, fault.message]).toEqual([
      'server_error',
      'the response of https://ci.example.com/.well-known/oauth-authorization-server is too large',
    ])
  })

  test('plain http to another machine is refused before anything is sent', async () => {
    const sent: string[] = []
    const noting = async (url: string) => {
      sent.push(url)
      return new Response()
    }
    const fault = await faultOf(discoverProvider('http://ci.example.com', { fetch: noting, signal: never }))
    expect(sent).toEqual([])
    expect([fault.code, fault.hint]).toEqual(['config', 'use https; plain http is for this machine alone'])
  })

  test('a server that is down is unreachable', async () => {
    await using server = startOAuthServer()
    await server.stop()
    expect((await faultOf(discoverProvider(server.url, { fetch, signal: never }))).code).toBe('unreachable')
  })
})

describe('scopesToAsk', () => {
  const provider = {
    issuer: 'x',
    authorizationEndpoint: 'x',
    tokenEndpoint: 'x',
    sendsIss: false,
    source: 'conventional',
  } as const
  test.each([
    ['ours that the server knows', ['openid', 'runs:read', 'else'], [], ['openid', 'runs:read']],
    ['none where the server does not tell', undefined, [], []],
    ['what was named, as it stands', ['openid'], ['a b', 'c,a'], ['a', 'b', 'c']],
  ])('%s', (_, scopesSupported, wanted, asked) => {
    expect(scopesToAsk({ ...provider, ...(scopesSupported && { scopesSupported }) }, wanted)).toEqual(asked)
  })
})

/** Runs the flow against `server` with a browser that follows redirects, and ends it as `ok`. */
async function run(
  server: TestOAuthServer,
  context: FlowContext,
  ports: readonly number[] = anyPort,
): Promise<Obtained> {
  const provider = await discoverProvider(server.url, { fetch, signal: never })
  return browserFlow({ provider, clientId: 'fob-cli', scopes: scopesToAsk(provider, []) }, context, ports)
}

describe('the browser flow', () => {
  test('S195, S200, S201, S206, S208: a login with a fresh verifier and state, checked by the server', async () => {
    await using server = startOAuthServer()
    let page: Promise<Response> | undefined
    const context = flowContext((url) => (page = fetch(url)))
    const first = await run(server, context)
    await Promise.all([first.conclude({ ok: true }), page])
    expect((await page)?.status).toBe(200)
    expect(first.tokens.scopes).toEqual(['offline_access', 'pipelines:read', 'runs:read'])
    expect(first.tokens.refreshToken).toBeInstanceOf(Secret)
    expect(server.valid.has(first.tokens.accessToken.reveal())).toBe(true)
    expect(Math.abs((first.tokens.expiresAt ?? 0) - Date.now() - 3_600_000)).toBeLessThan(5000)
    const second = await run(server, context)
    await Promise.all([second.conclude({ ok: true }), page])
    const [a, b] = server.seen.authorize
    for (const name of ['state', 'code_challenge']) {
      expect((a?.get(name) ?? '').length).toBeGreaterThanOrEqual(43)
      expect(a?.get(name)).not.toBe(b?.get(name))
    }
    expect(a?.get('response_type')).toBe('code')
    expect(a?.get('redirect_uri')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)
    expect(a?.get('prompt')).toBe('consent')
    expect(server.seen.token[0]?.get('client_secret')).toBeNull()
  })

  test('S203: it takes the first free port of its list', async () => {
    await using server = startOAuthServer()
    const taken = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() })
    const obtained = await run(server, flowContext(fetch), [taken.port ?? 0, 0])
    await obtained.conclude({ ok: true })
    expect(server.seen.authorize[0]?.get('redirect_uri')).not.toContain(`:${taken.port}/`)
    void taken.stop(true)
  })

  test('S204, S246: without a free port it fails with "no callback port available"', async () => {
    await using server = startOAuthServer()
    const taken = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() })
    const port = taken.port ?? 0
    const fault = await faultOf(run(server, flowContext(fetch), [port]))
    void taken.stop(true)
    expect(fault.message).toBe('no callback port available')
    expect(fault.hint).toContain(String(port))
    // Linux tells who it is.
    if (process.platform === 'linux')
      expect(fault.hint).toContain(
        `${readFileSync('/proc/self/comm', 'utf8').trim()} (process ${process.pid}) holds ${port}`,
      )
    expect(fault.hint).toContain('--no-browser or --device')
  })

  test('S216: without a browser the address is said and the wait goes on', async () => {
    await using server = startOAuthServer()
    const context = flowContext(() => {}, { ui: { openUrl: async () => false } })
    const flow = run(server, context)
    const page = fetch((await context.heard(/^ +http/)).trim())
    const obtained = await flow
    await Promise.all([obtained.conclude({ ok: true }), page])
    expect(context.said.join('\n')).toContain('No browser could be opened here')
  })

  test('a denied consent ends it with login_denied, and the page tells the truth', async () => {
    await using server = startOAuthServer({ consent: 'deny' })
    let page: Promise<Response> | undefined
    const fault = await faultOf(
      run(
        server,
        flowContext((url) => (page = fetch(url))),
      ),
    )
    expect([fault.code, fault.message]).toEqual(['login_denied', 'the login was denied: no \ufffd[31mthanks'])
    const response = await page
    expect(response?.status).toBe(400)
    expect(await response?.text()).not.toContain('✓')
  })

  test('an answer with a foreign iss is refused (RFC 9207) and its code never sent', async () => {
    await using server = startOAuthServer({ consent: 'wrong-iss' })
    const fault = await faultOf(run(server, flowContext(fetch)))
    expect(fault.code).toBe('server_error')
    expect(server.seen.token).toEqual([])
  })

  test('S201: an answer with a wrong state is not the end of the login', async () => {
    await using server = startOAuthServer()
    const context = flowContext(async (url) => {
      const callback = new URL(new URL(url).searchParams.get('redirect_uri') ?? '')
      callback.search = '?code=stolen&state=guess'
      expect((await fetch(callback)).status).toBe(400)
      await fetch(url)
    })
    const obtained = await run(server, context)
    await obtained.conclude({ ok: true })
    expect(server.seen.token).toHaveLength(1)
  })

  test('nobody approves: login_timeout after exactly the time given, with no sleep in this test', async () => {
    await using server = startOAuthServer()
    const clock = manualClock()
    const flow = faultOf(
      run(
        server,
        flowContext(() => {}, { clock, timeoutMs: 300_000 }),
      ),
    )
    await clock.sleeping()
    await clock.advance(299_999)
    expect(await Promise.race([flow, Promise.resolve('waiting')])).toBe('waiting')
    await clock.advance(1)
    expect((await flow).code).toBe('login_timeout')
  })

  test('Ctrl-C ends the wait with its own reason and frees the port', async () => {
    await using server = startOAuthServer()
    const abort = new AbortController()
    let redirectUri = ''
    const context = flowContext(
      (url) => {
        redirectUri = new URL(url).searchParams.get('redirect_uri') ?? ''
        abort.abort(new Fault('interrupted', 'interrupted'))
      },
      { signal: abort.signal },
    )
    expect((await faultOf(run(server, context))).code).toBe('interrupted')
    expect(await fetch(redirectUri).catch(() => 'closed')).toBe('closed')
  })

  test.each([
    ['as it should', {}],
    ['with a challenge', { challenges: true }],
  ])('S246: an unknown client, refused %s, is told how to name another', async (_, changes) => {
    await using server = startOAuthServer(changes)
    const provider = await discoverProvider(server.url, { fetch, signal: never })
    const visit = (url: string) => {
      server.behaviour.clientId = 'other'
      const query = new URL(url).searchParams
      const callback = new URL(query.get('redirect_uri') ?? '')
      callback.search = new URLSearchParams({
        code: 'c',
        state: query.get('state') ?? '',
        iss: server.url,
      }).toString()
      return fetch(callback)
    }
    const fault = await faultOf(
      browserFlow({ provider, clientId: 'fob-cli', scopes: [] }, flowContext(visit), anyPort),
    )
    expect([fault.code, fault.hint?.includes('--client-id')]).toEqual(['login_denied', true])
  })
})

/** Every OAuth endpoint says in its refusal what it was sent. */
async function repeating(url: string, init?: RequestInit): Promise<Response> {
  if (!url.includes('/oauth/')) return fetch(url, init)
  const sent = init?.body instanceof URLSearchParams ? init.body.toString() : ''
  const refusal = { error: 'invalid_request', error_description: `unexpected ${sent}` }
  return Response.json(refusal, { status: 400 })
}

describe('refresh and revoke', () => {
  async function loggedIn(changes: Partial<Behaviour> = {}) {
    const server = startOAuthServer(changes)
    const provider = await discoverProvider(server.url, { fetch, signal: never })
    const request = { provider, clientId: 'fob-cli', scopes: ['pipelines:read'] }
    const obtained = await browserFlow(request, flowContext(fetch), anyPort)
    await obtained.conclude({ ok: true })
    const { refreshToken = new Secret('none'), accessToken } = obtained.tokens
    const client = { ...provider, clientId: 'fob-cli', scopes: ['pipelines:read'] }
    return { [Symbol.asyncDispose]: server[Symbol.asyncDispose], server, client, refreshToken, accessToken }
  }
  const context = { clock: systemClock, fetch, signal: never }

  test('S245: a rotating server gives a new pair, and the old one is refused', async () => {
    await using world = await loggedIn()
    const { server, client, refreshToken } = world
    const refresh = await refreshTokens({ ...client, refreshToken }, context)
    if (refresh.kind !== 'renewed') throw new Error(refresh.kind)
    const { tokens } = refresh
    expect(tokens.refreshToken?.reveal()).not.toBe(refreshToken.reveal())
    expect(server.valid.has(tokens.accessToken.reveal())).toBe(true)
    expect(await refreshTokens({ ...client, refreshToken }, context)).toEqual({ kind: 'revoked' })
  })

  test('invalid_grant counts as that, also beside a challenge', async () => {
    await using world = await loggedIn({ challenges: true })
    const { client } = world
    const refresh = await refreshTokens({ ...client, refreshToken: new Secret('unknown') }, context)
    expect(refresh).toEqual({ kind: 'revoked' })
  })

  test('what was sent is not shown when a server repeats it in its refusal', async () => {
    await using world = await loggedIn()
    const { server, client, refreshToken, accessToken } = world
    const repeated = { ...context, fetch: repeating }
    const revocationEndpoint = `${server.url}/oauth/revoke`
    const provider = await discoverProvider(server.url, { fetch, signal: never })
    const login = browserFlow(
      { provider, clientId: 'fob-cli', scopes: [] },
      flowContext(fetch, { fetch: repeated.fetch }),
      anyPort,
    )
    const ended = { ...client, revocationEndpoint, token: accessToken, kind: 'access_token' } as const
    const refused = await refreshTokens({ ...client, refreshToken }, repeated)
    const unknown = await revokeToken(ended, repeated)
    if (refused.kind !== 'refused' || unknown.kind !== 'invalid') throw new Error('not refused')
    const faults = [await faultOf(login), refused.fault, unknown.fault]
    for (const { message } of faults) {
      expect(message).toContain('***')
      expect(message).not.toMatch(/canary|(?:code|code_verifier)=(?!\*)/)
    }
  })

  test('answers that never end are not read to their end', async () => {
    await using world = await loggedIn()
    const { server, client, refreshToken, accessToken } = world
    const endlessly = { ...context, fetch: endless }
    const userinfo = { issuer: server.url, endpoint: `${server.url}/oauth/userinfo` }
    const faults = await Promise.all([
      faultOf(refreshTokens({ ...client, refreshToken }, endlessly)),
      faultOf(readUserinfo(userinfo, { accessToken }, undefined, endlessly)),
    ])
    expect(faults.map(({ message }) => message)).toEqual([
      `could not refresh the login: the response of ${server.url}/oauth/token is too large`,
      `the response of ${userinfo.endpoint} is too large`,
    ])
  })

  test('a server that does not rotate leaves the old refresh token good', async () => {
    await using world = await loggedIn({ rotate: false })
    const { client, refreshToken } = world
    const refresh = await refreshTokens({ ...client, refreshToken }, context)
    expect(refresh.kind === 'renewed' && refresh.tokens.refreshToken?.reveal()).toBe(refreshToken.reveal())
  })

  test('a server that is away says nothing about the token', async () => {
    await using world = await loggedIn()
    const { server, client, refreshToken } = world
    await server.stop()
    expect((await faultOf(refreshTokens({ ...client, refreshToken }, context))).code).toBe('unreachable')
  })

  test('a revoked token no longer works', async () => {
    await using world = await loggedIn()
    const { server, client, accessToken } = world
    const revocationEndpoint = `${server.url}/oauth/revoke`
    await revokeToken({ ...client, revocationEndpoint, token: accessToken, kind: 'access_token' }, context)
    expect(server.valid.has(accessToken.reveal())).toBe(false)
    expect(server.seen.revoke[0]?.get('token_type_hint')).toBe('access_token')
    server.behaviour.revokeStatus = 503
    const again = revokeToken(
      { ...client, revocationEndpoint, token: accessToken, kind: 'access_token' },
      context,
    )
    expect((await faultOf(again)).code).toBe('server_error')
  })

  test.each<[string, () => Response, string]>([
    ['without a reason', () => new Response('', { status: 401 }), 'refused the revocation with status 401'],
    [
      'with one',
      () => Response.json({ error: 'invalid_client' }, { status: 401 }),
      'refused the revocation with invalid_client',
    ],
  ])('a revocation that is refused %s is not called a login', async (_name, refuse, words) => {
    await using world = await loggedIn()
    const { server, client, accessToken } = world
    server.behaviour.instead = ({ path }) => (path === '/oauth/revoke' ? refuse() : undefined)
    const revocationEndpoint = `${server.url}/oauth/revoke`
    const problem = await revokeTokens({ ...client, revocationEndpoint }, { accessToken }, context)
    expect(problem).toEqual({ kind: 'failed', reason: `${server.url} ${words}` })
  })
})

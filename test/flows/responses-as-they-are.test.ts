/** Responses of token endpoints as real servers write them: what is missing, null, quoted or in a form. */
import { describe, expect, test } from 'bun:test'
import { browserFlow } from '../../src/flows/browser-login.ts'
import { pasteFlow } from '../../src/flows/paste-login.ts'
import { refreshTokens } from '../../src/flows/refresh-grant.ts'
import { discoverProvider } from '../../src/flows/server-discovery.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/redact/secret.ts'
import { flowContext, typedLines } from '../support/client/flow-context.ts'
import { faultOf } from '../support/fault-of.ts'
import { type Behaviour, startOAuthServer } from '../support/servers/oauth-server.ts'
import {
  FORM_TOKENS,
  GLEWLWYD,
  MOCK_SERVER,
  OPENAUTH,
  PASSPORT,
} from '../support/stand-ins/oauth-server-quirks.ts'

async function logIn(changes: Partial<Behaviour>) {
  await using server = startOAuthServer(changes)
  const context = flowContext(fetch)
  const provider = await discoverProvider(server.url, context)
  const obtained = await browserFlow({ provider, clientId: 'fob-cli', scopes: ['runs:read'] }, context, [0])
  await obtained.conclude({ ok: true })
  return obtained.tokens
}

const written = (changes: Record<string, unknown>): Partial<Behaviour> => ({
  writeTokens: (tokens) => Response.json({ ...tokens, ...changes }),
})

describe('the tokens of a server that writes them in its own way', () => {
  test.each([
    ['OpenAuth leaves the type out', OPENAUTH],
    ['null', written({ token_type: null })],
    ['empty', written({ token_type: '' })],
    ['in capitals', written({ token_type: 'BEARER' })],
    ['in a form instead of JSON', FORM_TOKENS],
  ])('a token type that is absent or in odd letters is bearer: %s', async (_, changes) => {
    const tokens = await logIn(changes)
    expect(tokens.tokenType).toBe('bearer')
    expect(tokens.refreshToken?.reveal()).toStartWith('canary-refresh')
  })

  test.each([null, ''])(
    '%p stands for absent in lifetime, scope, ID token and refresh token',
    async (none) => {
      const tokens = await logIn(
        written({ expires_in: none, scope: none, id_token: none, refresh_token: none }),
      )
      expect(Object.keys(tokens).toSorted()).toEqual(['accessToken', 'scopes', 'tokenType'])
      expect(tokens.scopes).toEqual(['runs:read'])
    },
  )

  test('a lifetime in quotes is a number', async () => {
    const { expiresAt = 0 } = await logIn(written({ expires_in: '3600' }))
    expect(Math.abs(expiresAt - Date.now() - 3_600_000)).toBeLessThan(60_000)
  })

  test.each([
    ['a type that is another one', { token_type: 'mac' }],
    ['a lifetime that is not a number', { expires_in: 'soon' }],
    ['no access token', { access_token: undefined }],
  ])('%s is not taken for a login', async (_, changes) => {
    expect((await faultOf(logIn(written(changes)))).code).toBe('server_error')
  })
})

describe('a code that the server does not know', () => {
  test.each([
    ['league/oauth2-server 8 says invalid_request', PASSPORT],
    ['Glewlwyd says 403 invalid_code', GLEWLWYD],
    ['oauth2-mock-server says nothing of OAuth', MOCK_SERVER],
  ])('may be pasted again: %s', async (_, changes) => {
    await using server = startOAuthServer(changes)
    const { lines, type } = typedLines()
    const context = flowContext(() => {}, { ui: { lines } })
    const provider = await discoverProvider(server.url, context)
    const login = pasteFlow({ outOfBand: false })({ provider, clientId: 'fob-cli', scopes: [] }, context)
    const address = await context.heard(/oauth\/authorize/)
    type('wrong')
    await context.heard(/The server does not know this code, or no longer/)
    const back = await fetch(address.trim(), { redirect: 'manual' })
    type(back.headers.get('location') ?? '')
    expect((await login).tokens.tokenType).toBe('bearer')
  })

  test('a refusal as application/problem+json, without `error`, reads well', async () => {
    await using server = startOAuthServer(MOCK_SERVER)
    const visit = (url: string) => {
      const asked = new URL(url).searchParams
      const back = new URL(asked.get('redirect_uri') ?? '')
      const query = { code: 'wrong', state: asked.get('state') ?? '', iss: server.url }
      back.search = new URLSearchParams(query).toString()
      return fetch(back)
    }
    const context = flowContext(visit)
    const provider = await discoverProvider(server.url, context)
    const fault = await faultOf(browserFlow({ provider, clientId: 'fob-cli', scopes: [] }, context, [0]))
    expect([fault.code, fault.message]).toEqual([
      'login_denied',
      `${server.url} refused the login with status 400: the verifier does not fit`,
    ])
  })
})

const refreshed = (response: () => Response) =>
  refreshTokens(
    {
      issuer: 'http://127.0.0.1:1',
      tokenEndpoint: 'http://127.0.0.1:1/oauth/token',
      clientId: 'fob-cli',
      refreshToken: new Secret('canary-refresh'),
      scopes: [],
    },
    { clock: systemClock, fetch: async () => response(), signal: new AbortController().signal },
  )

describe('a refresh', () => {
  test.each([
    ['invalid_grant', () => Response.json({ error: 'invalid_grant' }, { status: 400 }), 'revoked'],
    ['invalid_grant under 200 (GitHub)', () => Response.json({ error: 'invalid_grant' }), 'revoked'],
    ['bad_refresh_token under 200 (GitHub)', () => Response.json({ error: 'bad_refresh_token' }), 'refused'],
    [
      '401 invalid_request (Passport)',
      () => Response.json({ error: 'invalid_request' }, { status: 401 }),
      'refused',
    ],
    ['400 without a body (Glewlwyd)', () => new Response(null, { status: 400 }), 'refused'],
    [
      '400 invalid_request (LemonLDAP::NG)',
      () => Response.json({ error: 'invalid_request' }, { status: 400 }),
      'refused',
    ],
    ['403 in plain text', () => new Response('no', { status: 403 }), 'refused'],
    ['404 without a body', () => new Response(null, { status: 404 }), 'refused'],
  ] as const)('%s is %s', async (_, response, kind) => {
    expect((await refreshed(response)).kind).toBe(kind)
  })

  test.each([
    ['407', () => new Response(null, { status: 407 })],
    ['408', () => new Response(null, { status: 408 })],
    ['429', () => Response.json({ error: 'rate_limited' }, { status: 429 })],
    ['500', () => Response.json({ error: 'invalid_grant' }, { status: 500 })],
    ["a proxy's page", () => new Response('<html>Denied', { status: 403 })],
    ["a proxy's page under 200", () => new Response('<html>Log in to the Wi-Fi')],
    ['a redirect', () => new Response(null, { status: 302, headers: { location: '/login' } })],
  ])('%s says nothing about the token', async (_, response) => {
    expect((await faultOf(refreshed(response))).code).toBe('server_error')
  })
})

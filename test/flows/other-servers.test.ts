/** The login flows against oidc-provider and oauth2-mock-server, which have other paths, scopes and clients. */
import { afterEach, describe, expect, test } from 'bun:test'
import { browserFlow } from '../../src/flows/browser-login.ts'
import { deviceFlow } from '../../src/flows/device-login.ts'
import { discoverProvider, scopesToAsk } from '../../src/flows/server-discovery.ts'
import { refreshTokens } from '../../src/flows/refresh-grant.ts'
import { readUserinfo } from '../../src/flows/read-userinfo.ts'
import { flowContext } from '../support/client/flow-context.ts'
import { httpBrowser } from '../support/servers/http-browser.ts'
import {
  BARE_LOGIN,
  type OtherServer,
  startBareProvider,
  startMockServer,
} from '../support/servers/other-oauth-servers.ts'

const servers: OtherServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})
async function kept(server: Promise<OtherServer>): Promise<OtherServer> {
  servers.push(await server)
  return server
}

/** A person at the pages of a bare oidc-provider. */
async function approve(url: string): Promise<void> {
  const browser = httpBrowser()
  const consent = await browser.submit(await browser.open(url), BARE_LOGIN)
  await browser.submit(consent, {})
}

describe('a bare oidc-provider with other paths, scopes and client', () => {
  test.each([
    ['discovery on', true, [], 'oauth-metadata'],
    ['discovery off', false, ['openid', 'profile', 'email'], 'conventional'],
  ] as const)(
    "S195: browser flow, %s: tokens, the ID token's subject, userinfo, refresh",
    async (_, discovery, wanted, source) => {
      const server = await kept(startBareProvider({ discovery }))
      const context = flowContext(approve)
      const provider = await discoverProvider(server.url, context)
      expect(provider.source).toBe(source)
      const scopes = scopesToAsk(provider, wanted)
      expect(scopes).toEqual(discovery ? ['openid', 'offline_access', 'profile', 'email'] : [...wanted])
      const obtained = await browserFlow({ provider, clientId: 'other-client', scopes }, context, [0])
      await obtained.conclude({ ok: true })
      expect(obtained.identity?.subject).toBe('ada')
      const { accessToken, refreshToken } = obtained.tokens
      const endpoint = { issuer: provider.issuer, endpoint: provider.userinfoEndpoint ?? '' }
      expect(await readUserinfo(endpoint, { accessToken }, 'ada', context)).toEqual({
        kind: 'user',
        identity: { subject: 'ada', name: 'Ada Lovelace', email: 'ada@other.example' },
      })
      // OpenID Connect Core §5.3.2: an answer about somebody else is none.
      expect(await readUserinfo(endpoint, { accessToken }, 'eve', context)).toEqual({ kind: 'nobody' })
      expect(refreshToken === undefined).toBe(!discovery)
      if (refreshToken === undefined) return
      const renewed = await refreshTokens(
        { ...provider, clientId: 'other-client', refreshToken, scopes },
        context,
      )
      expect(renewed.kind === 'renewed' && renewed.tokens.accessToken.reveal()).not.toBe(accessToken.reveal())
    },
  )

  test.each([true, false])('R7: device flow, discovery %p', async (discovery) => {
    const server = await kept(startBareProvider({ discovery, deviceFlow: true }))
    const context = flowContext(async (url) => {
      const browser = httpBrowser()
      // oidc-provider shows the code for comparison first (RFC 8628 §5.4).
      const start = await browser.open(url)
      const confirm = await browser.submit(start, {})
      const signIn = confirm.html.includes('name="login"')
        ? confirm
        : await browser.submit(confirm, { confirm: 'yes' })
      await browser.submit(await browser.submit(signIn, BARE_LOGIN), {})
    })
    // Its own interval is 5 s; a clock that hurries is enough here.
    context.clock = { now: () => Date.now(), sleep: () => Bun.sleep(20) }
    const provider = await discoverProvider(server.url, context)
    const scopes = scopesToAsk(provider, ['openid', 'profile'])
    const { tokens, identity } = await deviceFlow({ provider, clientId: 'other-client', scopes }, context)
    expect(identity?.subject).toBe('ada')
    expect(tokens.accessToken.reveal().length).toBeGreaterThan(20)
  })
})

describe('oauth2-mock-server', () => {
  test.each([
    ['discovery on', { discovery: true, userinfo: true }],
    ['discovery off', { discovery: false, userinfo: true }],
    [
      'discovery off and another name for itself',
      { discovery: false, userinfo: true, issuer: 'https://x.example' },
    ],
  ])('browser flow, %s', async (_, options) => {
    const server = await kept(startMockServer(options))
    const context = flowContext(fetch)
    const provider = await discoverProvider(server.url, context)
    const obtained = await browserFlow(
      { provider, clientId: 'a-client-of-theirs', scopes: scopesToAsk(provider, []) },
      context,
      [0],
    )
    await obtained.conclude({ ok: true })
    expect(obtained.identity).toEqual({ subject: 'johndoe', name: 'John of the ID token' })
    expect(obtained.tokens.tokenType).toBe('bearer')
  })
})

/** The server in this process with the stand-in of one identity provider, and logins by way of it. */
import { createHash, randomBytes } from 'node:crypto'
import { decodeJwt } from 'jose'
import { present } from '../../../src/contract/omit-undefined.ts'
import type { Clock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/redact/secret.ts'
import type { ConfiguredIdentityProviders } from '../../../src/server/issuer/identity-providers/identity-provider-types.ts'
import type { DefaultRole } from '../../../src/server/accounts/user-types.ts'
import { httpBrowser, type HttpBrowser, type Page } from '../servers/http-browser.ts'
import { freePort } from '../free-port.ts'
import { localAccounts, startServer, type TestServer } from '../servers/test-server.ts'
import type { StandIn } from './stand-in-behaviour.ts'
import type { Fetch } from '../../../src/platform/fetch-type.ts'

/** A server whose people log in with a stand-in. */
export async function startWithIdentityProvider<V extends StandIn>(
  name: keyof ConfiguredIdentityProviders,
  start: (callback: string) => V | Promise<V>,
  options: {
    path?: string
    tenant?: string
    fetch?: Fetch
    /** Where the server is told the identity provider is, if not at the stand-in's own address. */
    providerUrl?: string
    passwords?: boolean
    dataDir?: string
    rbac?: string
    defaultRole?: DefaultRole
    clock?: Clock
    membershipMaxAgeMs?: number
  } = {},
): Promise<{ server: TestServer; provider: V }> {
  const port = freePort()
  const segment = name === 'microsoft' ? 'microsoftonline' : name
  const provider = await start(`http://127.0.0.1:${port}/auth/${segment}/callback`)
  const settings = {
    clientId: provider.clientId,
    clientSecret: new Secret(provider.clientSecret),
    url: options.providerUrl ?? provider.url + (options.path ?? ''),
  }
  const server = await startServer({
    port,
    // Nothing is stored in the vault here, and it needs no key.
    vaultKey: 'none',
    strategy: (url) => ({
      ...localAccounts(url),
      kind: 'oauth',
      localAccounts: options.passwords === true,
      sessionSecret: new Secret('a-session-secret-of-32-bytes-or-more'),
      callbackUrl: url,
      membershipMaxAgeMs: options.membershipMaxAgeMs,
      identityProviders:
        name === 'microsoft'
          ? { microsoft: { ...settings, tenant: options.tenant ?? 'common' } }
          : { [name]: settings },
    }),
    ...present({
      fetch: options.fetch,
      rbac: options.rbac,
      defaultRole: options.defaultRole,
      clock: options.clock,
    }),
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
  })
  return {
    provider,
    server: {
      ...server,
      stop: async () => {
        await server.stop()
        await provider.stop()
      },
    },
  }
}

const REDIRECT = 'http://127.0.0.1:8765/callback'

/** A login of the command line, begun: the page that asks who is there. */
export async function openLogin(
  server: string,
  browser: HttpBrowser = httpBrowser({ stopAt: REDIRECT }),
): Promise<{ browser: HttpBrowser; page: Page; verifier: string; state: string }> {
  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(16).toString('base64url')
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: 'fob-cli',
    redirect_uri: REDIRECT,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const page = await browser.open(`${server}/oauth/authorize?${query.toString()}`)
  return { browser, page, verifier, state }
}

export interface IdentityProviderLogin {
  accessToken: string
  refreshToken: string
  claims: Record<string, unknown>
}

/** A whole login of the command line through the identity provider that is called `label`. */
export async function logInWith(server: string, label: string): Promise<IdentityProviderLogin> {
  const { browser, page, verifier, state } = await openLogin(server)
  const consent = await browser.follow(page, label)
  const end = await browser.submit(consent, {}, 'Authorize')
  if (end.url.searchParams.get('state') !== state) throw new Error(`the login ended at ${end.url.href}`)
  const answer = await fetch(`${server}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'fob-cli',
      redirect_uri: REDIRECT,
      code: end.url.searchParams.get('code') ?? '',
      code_verifier: verifier,
    }),
  })
  const tokens = (await answer.json()) as { access_token: string; refresh_token: string }
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    claims: decodeJwt(tokens.access_token),
  }
}

/** How oidc-provider is set up: endpoints, grants, lifetimes, features, and the API as its one resource. */
import type { JWK } from 'jose'
import type { Configuration, errors as OidcErrors, KoaContextWithOIDC, ResourceServer } from 'oidc-provider'
import { ALL_SCOPES } from '../../../contract/token-scopes.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Accounts } from '../../accounts/accounts.ts'
import type { Db } from '../../db/open-database.ts'
import type { Log } from '../../log.ts'
import { internalMetadata, PAGES_CLIENT, type PublicClient, publicMetadata } from '../first-party-clients.ts'
import { DEVICE_PATH } from '../protocol-page-paths.ts'
import { sessionEnd } from '../sessions/browser-sessions-and-program-logins.ts'
import type { CarriedInteractions } from '../sessions/unanswered-interactions-in-cookies.ts'
import type { CookieNames } from '../sessions/encrypted-oidc-provider-cookies.ts'
import type { Tokens } from '../tokens/access-tokens.ts'
import type { Lifetimes } from '../tokens/default-lifetimes.ts'
import { deviceFlow } from './device-flow-configuration.ts'
import type { DevicePages, ErrorPage } from './protocol-page-types.ts'
import type { Tickets } from './json-login-ticket-grant.ts'

const CODE_SECONDS = 60
/** RFC 8628: how long a person has for typing the code. */
const DEVICE_CODE_SECONDS = 10 * 60

export interface ProviderDeps {
  db: Db
  carried: CarriedInteractions
  url: string
  accounts: Accounts
  clock: Clock
  log: Log
  lifetimes: Lifetimes
  clients: readonly PublicClient[]
  tokens: Tokens
  signingKey: JWK
  cookies: CookieNames
  errorPage: ErrorPage
  devicePages: DevicePages
  tickets: Tickets
}

/** Endpoints, grants, lifetimes: what does not depend on anybody's data. */
export function protocol({ clients, cookies, lifetimes, signingKey, url }: ProviderDeps): Configuration {
  const attributes = { httpOnly: true, sameSite: 'lax', secure: url.startsWith('https:') } as const
  return {
    clients: [...clients.map(publicMetadata), ...internalMetadata(url)],
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      revocation: '/oauth/revoke',
      jwks: '/oauth/jwks',
      registration: '/oauth/register',
      device_authorization: '/oauth/device_authorization',
      code_verification: DEVICE_PATH,
    },
    // The API serves this route: the provider's own cannot take access tokens that are JWTs.
    // Introspection is ours as well, for the same reason.
    discovery: {
      userinfo_endpoint: `${url}/oauth/userinfo`,
      introspection_endpoint: `${url}/oauth/introspect`,
      // RFC 8414 §2: also the name of an access token type.
      introspection_endpoint_auth_methods_supported: ['Bearer'],
    },
    scopes: ['openid', 'offline_access', ...ALL_SCOPES],
    claims: { openid: ['sub'], profile: ['name', 'nickname', 'updated_at'], email: ['email'] },
    // `none` is what our own pages use: a login, and no token.
    responseTypes: ['code', 'none'],
    clientAuthMethods: ['none'],
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    pkce: { required: () => true },
    jwks: { keys: [signingKey] },
    clientBasedCORS: () => false,
    cookies: { names: { ...cookies }, long: attributes, short: attributes },
    interactions: { url: (_ctx, interaction) => `/auth/${interaction.prompt.name}/${interaction.uid}` },
    // RFC 8252 §8.6: anybody on the machine can claim to be a native client, so each login is consented to
    // by itself, and its grant ends with it: a logout in one terminal leaves the others alone.
    loadExistingGrant: async (ctx) => {
      if (ctx.oidc.client?.clientId === PAGES_CLIENT) return pagesGrant(ctx)
      const grantId = ctx.oidc.result?.consent?.grantId
      return grantId === undefined ? undefined : ctx.oidc.provider.Grant.find(grantId)
    },
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    rotateRefreshToken: true,
    ttl: {
      AccessToken: (_ctx, _token, client) =>
        client.grantTypeAllowed('refresh_token')
          ? lifetimes.accessTokenWithRefresh
          : lifetimes.accessTokenAlone,
      AuthorizationCode: CODE_SECONDS,
      DeviceCode: DEVICE_CODE_SECONDS,
      Grant: lifetimes.grant,
      IdToken: lifetimes.accessTokenWithRefresh,
      Interaction: lifetimes.interaction,
      RefreshToken: lifetimes.refreshToken,
      // A session that nobody has logged in to only carries a form for a while.
      // By the system's clock, not the injected one: the library counts `loginTs` and expiry by it.
      Session: (_ctx, { accountId, loginTs }) => {
        const now = Math.floor(Date.now() / 1000)
        if (accountId === undefined) return lifetimes.interaction
        return Math.max(1, sessionEnd(lifetimes, loginTs ?? now, now) - now)
      },
    },
  }
}

/** Logging in to our own pages is asking for nothing, so there is nothing to consent to. */
function pagesGrant({ oidc }: KoaContextWithOIDC) {
  const accountId = oidc.session?.accountId
  if (accountId === undefined) return undefined
  const grant = new oidc.provider.Grant({ accountId, clientId: PAGES_CLIENT })
  grant.addOIDCScope('openid')
  return grant
}

/** The API as a resource (RFC 8707): what makes every access token a JWT for it. */
export function apiResource({ tokens, url }: ProviderDeps): ResourceServer {
  return {
    scope: ALL_SCOPES.join(' '),
    audience: url,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'HS256', key: tokens.key } },
  }
}

export function features(
  { devicePages, errorPage, url }: ProviderDeps,
  api: ResourceServer,
  errors: typeof OidcErrors,
): Configuration['features'] {
  return {
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    pushedAuthorizationRequests: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    userinfo: { enabled: false },
    revocation: {
      enabled: true,
      allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId,
    },
    deviceFlow: deviceFlow(devicePages, errorPage),
    // What may be registered is decided before (`check-client-registration.ts`).
    registration: { enabled: true, initialAccessToken: false, issueRegistrationAccessToken: false },
    // RFC 8707: the API is the one resource, asked for or not. `/mcp` is a way into it, under the same rules.
    resourceIndicators: {
      enabled: true,
      // Of several that were granted, each is the same API.
      defaultResource: async (_ctx, _client, oneOf) => oneOf?.find((one) => one === url) ?? oneOf?.[0] ?? url,
      getResourceServerInfo: async (ctx, resource) => {
        if (![url, `${url}/`, `${url}/mcp`].includes(resource)) throw new errors.InvalidTarget()
        requireSomeScope(ctx, errors)
        return api
      },
    },
  }
}

const KNOWN_SCOPES: ReadonlySet<string> = new Set(['openid', 'profile', 'email', ...ALL_SCOPES])

/**
 * RFC 6749 §3.3: unknown scopes are left out, but where no other is there, nothing could come of a login.
 * `offline_access` says only for how long the others shall hold.
 */
function requireSomeScope({ oidc }: KoaContextWithOIDC, errors: typeof OidcErrors): void {
  if (oidc.route !== 'authorization' && oidc.route !== 'device_authorization') return
  const { scope } = oidc.params ?? {}
  const asked = typeof scope === 'string' ? scope : ''
  if (asked.split(' ').some((one) => KNOWN_SCOPES.has(one))) return
  throw new errors.InvalidScope('none of these scopes exists', asked)
}

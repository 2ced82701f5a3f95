import type { EventEmitter } from 'node:events'
import type { JWK } from 'jose'
import type {
  Account,
  Configuration,
  errors as OidcErrors,
  KoaContextWithOIDC,
  Provider,
  ResourceServer,
} from 'oidc-provider'
import { ALL_SCOPES } from '../../../contract/token-scopes.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Accounts } from '../../accounts/accounts.ts'
import { accountIdOf, type User } from '../../accounts/user.ts'
import type { Db } from '../../db/open-database.ts'
import type { Log } from '../../log.ts'
import { databaseAdapter } from './oidc-storage-adapter.ts'
import {
  DEVICE_PATH,
  internalMetadata,
  PAGES_CLIENT,
  type PublicClient,
  publicMetadata,
} from '../first-party-clients.ts'
import type { CookieNames } from '../sessions/cookie-jar.ts'
import { deviceFlow } from './device-authorization.ts'
import type { DevicePages, ErrorPage } from './protocol-pages.ts'
import type { Lifetimes } from '../tokens/default-lifetimes.ts'
import { sessionEnd } from '../sessions/browser-sessions.ts'
import { registerTicketGrant, type Tickets } from './ticket-grant.ts'
import { TOKEN_ISSUER, type Tokens } from '../tokens/access-tokens.ts'

const CODE_SECONDS = 60
/** RFC 8628: how long a person has for typing the code. */
const DEVICE_CODE_SECONDS = 10 * 60

export interface ProviderDeps {
  db: Db
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

/**
 * oidc-provider, set up for RFC 9700: code flow alone, PKCE by S256 alone, rotation. Redirect URIs are compared
 * exactly, but for the port of http on loopback, of which a native client takes any (RFC 8252 §7.3).
 */
export async function createProvider(deps: ProviderDeps): Promise<Provider> {
  const library = await importQuietly()
  const { errors } = library
  const findUser = async (accountId: string): Promise<User | undefined> => {
    const colon = accountId.indexOf(':')
    return deps.accounts.bySubject(accountId.slice(0, colon), accountId.slice(colon + 1))
  }
  const api = apiResource(deps)
  const configuration: Configuration = {
    ...protocol(deps),
    adapter: databaseAdapter({
      db: deps.db,
      clock: deps.clock,
      alreadyUsed: () => new errors.InvalidGrant('already used'),
      browser: () => browserOf(library.Provider.ctx),
    }),
    findAccount: async (_ctx, id) => {
      const user = await findUser(id)
      return user && toAccount(user)
    },
    features: features(deps, api, errors),
    formats: {
      customizers: {
        jwt: async (_ctx, token, jwt) => {
          const user = 'accountId' in token ? await findUser(token.accountId) : undefined
          if (!user) throw new errors.InvalidGrant('the account is gone')
          const { jti, exp, client_id: clientId } = jwt.payload
          if (typeof jti !== 'string' || typeof exp !== 'number' || typeof clientId !== 'string') {
            throw new TypeError('an access token without an ID, an end or a client')
          }
          const grantId = 'grantId' in token ? (token.grantId ?? null) : null
          await deps.tokens.record({ jti, exp, clientId, userId: user.id, grantId })
          Object.assign(jwt.payload, claimsOf(user))
        },
      },
    },
    renderError: async (ctx, out) => {
      const page = await deps.errorPage({ error: out.error, description: out.error_description })
      ctx.set(page.headers)
      ctx.type = 'html'
      ctx.body = page.html
    },
  }
  const provider = new library.Provider(deps.url, configuration)
  // The bridge sets host and scheme from the settings and passes on no forwarding header of the caller.
  provider.proxy = true
  registerTicketGrant(provider, { tickets: deps.tickets, url: deps.url, api, errors })
  logEvents(provider, deps.log)
  return provider
}

/** Endpoints, grants, lifetimes: what does not depend on anybody's data. */
function protocol({ clients, cookies, lifetimes, signingKey, url }: ProviderDeps): Configuration {
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

function browserOf(ctx: KoaContextWithOIDC | undefined): { userAgent: string; address: string } | undefined {
  return ctx && { userAgent: ctx.get('user-agent').slice(0, 300), address: ctx.ip }
}

/** The API as a resource (RFC 8707): what makes every access token a JWT for it. */
function apiResource({ tokens, url }: ProviderDeps): ResourceServer {
  return {
    scope: ALL_SCOPES.join(' '),
    audience: url,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'HS256', key: tokens.key } },
  }
}

function features(
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
    // What may be registered is decided before (`client-registration.ts`).
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

/** S30 to S35 and ruling R5; `iat`, `exp`, `aud`, `jti`, `scope` and `client_id` are there already. */
function claimsOf(user: User): Record<string, unknown> {
  return {
    iss: TOKEN_ISSUER,
    sub: user.subject,
    email: user.email ?? undefined,
    name: user.name ?? undefined,
    nick_name: user.nickName ?? undefined,
    provider: user.provider,
    tenant: user.tenant.slug,
  }
}

/** For ID tokens. Their `sub` names the provider too: two identity providers may well know a person 42 each. */
function toAccount(user: User): Account {
  const accountId = accountIdOf(user)
  return {
    accountId,
    claims: async () => ({
      sub: accountId,
      email: user.email ?? undefined,
      name: user.name ?? undefined,
      nickname: user.nickName ?? undefined,
    }),
  }
}

function logEvents(provider: Provider, log: Log): void {
  const refused = (ctx: KoaContextWithOIDC, error: Error & { error_detail?: string | undefined }) =>
    log.info('authorization server refused a request', {
      route: ctx.oidc?.route ?? ctx.path,
      error: error.message,
      detail: error.error_detail,
    })
  provider.on('authorization.error', refused)
  provider.on('grant.error', refused)
  provider.on('revocation.error', refused)
  provider.on('code_verification.error', refused)
  provider.on('device_resume.error', refused)
  const failed = (ctx: KoaContextWithOIDC, error: Error) =>
    log.error('authorization server failed', {
      route: ctx.oidc?.route ?? ctx.path,
      error: `${error.name}: ${error.message}`,
    })
  provider.on('server_error', failed)
  // Without a listener, the library prints what fails outside its own handlers to standard error.
  const app: Pick<EventEmitter, 'on'> = provider
  app.on('error', (error: Error, ctx: KoaContextWithOIDC) => failed(ctx, error))
}

/** The library warns on standard error that Bun is not Node.js. We test on Bun; our users cannot act on it. */
async function importQuietly() {
  const { warn } = console
  console.warn = () => {}
  try {
    return await import('oidc-provider')
  } finally {
    console.warn = warn
  }
}

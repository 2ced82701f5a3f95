import type { JWK } from 'jose'
import type { Account, Configuration, KoaContextWithOIDC, Provider } from 'oidc-provider'
import { ALL_SCOPES } from '../../contract/scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import { accountIdOf, type Accounts, type User } from '../accounts/accounts.ts'
import type { Db } from '../db/open.ts'
import type { Log } from '../log.ts'
import { databaseAdapter } from './adapter.ts'
import type { PublicClient } from './clients.ts'
import type { CookieNames } from './cookies.ts'
import { TOKEN_ISSUER, type Tokens } from './tokens.ts'

/** What the provider shows in a browser when there is nowhere to send the browser back to. */
export interface ProtocolError {
  /** RFC 6749's code, such as `invalid_client`. */
  error: string
  description: string | undefined
}

export type ErrorPage = (
  error: ProtocolError,
) => Promise<{ html: string; headers: Readonly<Record<string, string>> }>

/** All in seconds. */
export interface Lifetimes {
  /** An access token that comes with a refresh token (ruling R6). */
  accessTokenWithRefresh: number
  /** An access token issued alone (ruling R6, S37). */
  accessTokenAlone: number
  /** A refresh token that is not used; each use starts it anew. */
  refreshToken: number
  /** A login as a whole, however often it is refreshed. */
  grant: number
  /** A browser's session, from its last use. */
  session: number
  /** From the authorize URL to the answer of its last page. */
  interaction: number
}

const DAY = 24 * 60 * 60

export const DEFAULT_LIFETIMES: Lifetimes = {
  accessTokenWithRefresh: 60 * 60,
  accessTokenAlone: 30 * DAY,
  refreshToken: 30 * DAY,
  grant: 365 * DAY,
  session: DAY,
  interaction: 15 * 60,
}

const CODE_SECONDS = 60

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
}

/** oidc-provider, set up for RFC 9700: code flow alone, PKCE by S256 alone, exact redirect URIs, rotation. */
export async function createProvider(deps: ProviderDeps): Promise<Provider> {
  const library = await importQuietly()
  const { errors } = library
  const findUser = async (accountId: string): Promise<User | undefined> => {
    const colon = accountId.indexOf(':')
    return deps.accounts.bySubject(accountId.slice(0, colon), accountId.slice(colon + 1))
  }
  const configuration: Configuration = {
    ...protocol(deps),
    adapter: databaseAdapter({
      db: deps.db,
      clock: deps.clock,
      alreadyUsed: () => new errors.InvalidGrant('already used'),
    }),
    findAccount: async (_ctx, id) => {
      const user = await findUser(id)
      return user && toAccount(user)
    },
    features: features(deps, () => new errors.InvalidTarget()),
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
  logEvents(provider, deps.log)
  return provider
}

/** Endpoints, grants, lifetimes: what does not depend on anybody's data. */
function protocol({ clients, cookies, lifetimes, signingKey, url }: ProviderDeps): Configuration {
  const attributes = { httpOnly: true, sameSite: 'lax', secure: url.startsWith('https:') } as const
  return {
    clients: clients.map(({ id, name, redirectUris, refresh }) => ({
      client_id: id,
      client_name: name,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: [...redirectUris],
      grant_types: refresh ? ['authorization_code', 'refresh_token'] : ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    })),
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      revocation: '/oauth/revoke',
      jwks: '/oauth/jwks',
    },
    // The API serves this route: the provider's own cannot take access tokens that are JWTs.
    discovery: { userinfo_endpoint: `${url}/oauth/userinfo` },
    scopes: ['openid', 'offline_access', ...ALL_SCOPES],
    claims: { openid: ['sub'], profile: ['name', 'nickname', 'updated_at'], email: ['email'] },
    responseTypes: ['code'],
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
      Grant: lifetimes.grant,
      IdToken: lifetimes.accessTokenWithRefresh,
      Interaction: lifetimes.interaction,
      RefreshToken: lifetimes.refreshToken,
      Session: lifetimes.session,
    },
  }
}

function features({ tokens, url }: ProviderDeps, invalidTarget: () => Error): Configuration['features'] {
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
    // RFC 8707: the API is the one resource, asked for or not. That is what makes every access token a JWT.
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => url,
      getResourceServerInfo: async (_ctx, resource) => {
        if (resource !== url && resource !== `${url}/`) throw invalidTarget()
        return {
          scope: ALL_SCOPES.join(' '),
          audience: url,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'HS256', key: tokens.key } },
        }
      },
    },
  }
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

/** For ID tokens. Their `sub` names the provider too: two vendors may well know a person 42 each. */
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
  provider.on('server_error', (ctx, error) =>
    log.error('authorization server failed', {
      route: ctx.oidc?.route ?? ctx.path,
      error: `${error.name}: ${error.message}`,
    }),
  )
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

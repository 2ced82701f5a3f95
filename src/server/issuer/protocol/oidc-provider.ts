/** oidc-provider as our authorization server: created, joined with accounts, tokens and the database. */
import type { Configuration, KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { User } from '../../accounts/user-types.ts'
import { apiResource, features, protocol, type ProviderDeps } from './oidc-configuration.ts'
import { databaseAdapter } from './oidc-storage-adapter.ts'
import { logEvents } from './log-oauth-failures.ts'
import { registerTicketGrant } from './json-login-ticket-grant.ts'
import { claimsOf, toAccount } from './user-claims.ts'

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
      carried: deps.carried,
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

function browserOf(ctx: KoaContextWithOIDC | undefined): { userAgent: string; address: string } | undefined {
  return ctx && { userAgent: ctx.get('user-agent').slice(0, 300), address: ctx.ip }
}

/**
 * The library warns on standard error, as it is imported, that Bun is not Node.js. We test on Bun, and our users cannot
 * act on it. There is no switch for it, and importing around it would mean the library's private files; so
 * `console.warn` is silent for the time of this one import, once at the start of a server.
 */
async function importQuietly() {
  const { warn } = console
  console.warn = () => {}
  try {
    return await import('oidc-provider')
  } finally {
    console.warn = warn
  }
}

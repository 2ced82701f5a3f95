/** An identity provider that speaks OpenID Connect. */
import type { Configuration } from 'openid-client'
import type { IdentityProviderName, IdentityProviderProfile } from '../../accounts/user-types.ts'
import {
  authorizeUrl,
  customise,
  exchange,
  loadClient,
  type OpenidClient,
  plainFetch,
  REQUEST_SECONDS,
  identityProviderFault,
} from './code-flow-client.ts'
import { hasExpired, readAgainFault, refreshTokens, tokensOf } from './refresh-provider-tokens.ts'
import type {
  IdentityProvider,
  IdentityProviderDeps,
  IdentityProviderSettings,
} from './identity-provider-types.ts'

/** An identity provider's metadata and keys are fetched again after this long. */
const CACHE_MS = 60 * 60_000

export interface OpenidConnectProvider {
  name: IdentityProviderName
  label: string
  settings: IdentityProviderSettings
  /** The issuer, or the address of its metadata where the two do not go together. */
  server: URL
  scope: string
  /** Where memberships are: in ID tokens alone, which only a refresh brings anew, or in what the access token reads. */
  membershipsIn: 'id token' | 'api'
  /** @param claims of the ID token, whose signature, issuer, audience, nonce and times were checked */
  profile(of: {
    client: OpenidClient
    config: Configuration
    accessToken: string
    claims: Readonly<Record<string, unknown>> & { sub: string }
  }): Promise<IdentityProviderProfile>
}

/** An identity provider that speaks OpenID Connect: discovery, then the code flow with PKCE, state and nonce. */
export function openidConnectProvider(
  provider: OpenidConnectProvider,
  { fetch, clock }: IdentityProviderDeps,
): IdentityProvider {
  const { label, settings } = provider
  let cached: { at: number; config: Promise<Configuration> } | undefined

  const discover = async (client: OpenidClient): Promise<Configuration> => {
    const secret = client.ClientSecretPost(settings.clientSecret.reveal())
    const insecure = settings.url.startsWith('http:') ? [client.allowInsecureRequests] : []
    const config = await client.discovery(provider.server, settings.clientId, {}, secret, {
      [client.customFetch]: plainFetch(fetch),
      timeout: REQUEST_SECONDS,
      // TLS already vouches for an ID token from the token endpoint; its signature is checked all the same.
      execute: [...insecure, client.enableNonRepudiationChecks],
    })
    return customise(client, config, { fetch, url: settings.url })
  }
  const configure = async () => {
    const client = await loadClient()
    const now = performance.now()
    if (!cached || now - cached.at > CACHE_MS) {
      const config = discover(client)
      const mine = { at: now, config }
      cached = mine
      config.catch(() => {
        // An identity provider that was down is asked again at the next login.
        if (cached === mine) cached = undefined
      })
    }
    return { client, config: await cached.config }
  }

  return {
    name: provider.name,
    label,
    authorizeUrl: async (checks) => {
      try {
        const { client, config } = await configure()
        return await authorizeUrl(client, config, checks, { scope: provider.scope, nonce: checks.nonce })
      } catch (error) {
        throw identityProviderFault(error, label)
      }
    },
    identify: async (response, checks) => {
      try {
        const { client, config } = await configure()
        const tokens = await exchange(client, config, response, checks, true)
        const claims = tokens.claims()
        if (!claims) throw new Error('no ID token')
        const accessToken = tokens.access_token
        const profile = await provider.profile({ client, config, accessToken, claims })
        return { profile, tokens: tokensOf(tokens, clock.now()) }
      } catch (error) {
        throw identityProviderFault(error, label)
      }
    },
    readAgain: async (asked) => {
      try {
        const { client, config } = await configure()
        const fresh = provider.membershipsIn === 'id token' || hasExpired(asked.tokens, asked.now)
        const { tokens, response } = fresh
          ? await refreshTokens({ client, config }, asked)
          : { tokens: asked.tokens, response: undefined }
        const claims = response?.claims() ?? { sub: asked.subject }
        if (provider.membershipsIn === 'id token' && response?.claims() === undefined) {
          throw new Error('no ID token')
        }
        return await provider.profile({ client, config, accessToken: tokens.accessToken.reveal(), claims })
      } catch (error) {
        throw readAgainFault(error, identityProviderFault(error, label))
      }
    },
  }
}

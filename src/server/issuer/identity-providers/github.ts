/** Logging in with GitHub, which speaks OAuth without OpenID Connect. */
import * as v from 'valibot'
import {
  authorizeUrl,
  customise,
  exchange,
  loadClient,
  plainFetch,
  identityProviderFault,
} from './code-flow-client.ts'
import { hasExpired, readAgainFault, refreshTokens, tokensOf } from './refresh-provider-tokens.ts'
import { openRestClient, type RestClient } from './rest-client.ts'
import type {
  IdentityProvider,
  IdentityProviderDeps,
  IdentityProviderSettings,
  ProviderTokens,
} from './identity-provider-types.ts'

const LABEL = 'GitHub'
/** The least that shows a person's verified e-mail and all organizations, private ones included. */
const SCOPE = 'read:user user:email read:org'

const userSchema = v.object({
  id: v.pipe(v.number(), v.integer()),
  login: v.string(),
  name: v.optional(v.nullable(v.string()), null),
  avatar_url: v.optional(v.nullable(v.string()), null),
})
const emailsSchema = v.array(v.object({ email: v.string(), primary: v.boolean(), verified: v.boolean() }))
const organizationsSchema = v.array(v.object({ login: v.string() }))

/** GitHub's OAuth, which is not OpenID Connect: who it was is asked of the API. */
export function githubProvider(
  settings: IdentityProviderSettings,
  { fetch, clock }: IdentityProviderDeps,
): IdentityProvider {
  const { url } = settings
  // GitHub Enterprise Server has its API below /api/v3; GitHub's own has a host to itself.
  const api = new URL(url === 'https://github.com' ? 'https://api.github.com/' : `${url}/api/v3/`)
  const configure = async () => {
    const client = await loadClient()
    const metadata = {
      issuer: `${url}/login/oauth`,
      authorization_endpoint: `${url}/login/oauth/authorize`,
      token_endpoint: `${url}/login/oauth/access_token`,
    }
    const secret = client.ClientSecretPost(settings.clientSecret.reveal())
    const config = new client.Configuration(metadata, settings.clientId, {}, secret)
    customise(client, config, { fetch, url })
    config[client.customFetch] = errorsAsErrors(plainFetch(fetch))
    return { client, config }
  }

  const profileBy = ({ accessToken }: ProviderTokens) => {
    const headers = {
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
      // GitHub refuses requests without one.
      'user-agent': 'fob',
    }
    const token = accessToken.reveal()
    return profileOf(openRestClient({ fetch, label: LABEL, origin: api.origin, token, headers }), api)
  }

  return {
    name: 'github',
    label: LABEL,
    authorizeUrl: async (checks) => {
      const { client, config } = await configure()
      return authorizeUrl(client, config, checks, { scope: SCOPE })
    },
    identify: async (response, checks) => {
      try {
        const { client, config } = await configure()
        const tokens = tokensOf(await exchange(client, config, response, checks, false), clock.now())
        return { profile: await profileBy(tokens), tokens }
      } catch (error) {
        throw identityProviderFault(error, LABEL)
      }
    },
    readAgain: async (asked) => {
      try {
        // A token of an OAuth app has no end; one of a GitHub App, or of an app that opted in, lives for eight hours.
        const { tokens } = hasExpired(asked.tokens, asked.now)
          ? await refreshTokens(await configure(), asked)
          : asked
        return await profileBy(tokens)
      } catch (error) {
        throw readAgainFault(error, identityProviderFault(error, LABEL))
      }
    },
  }
}

async function profileOf(api: RestClient, base: URL) {
  const user = await api.get(new URL('user', base), userSchema)
  const emails = (
    await api.all(new URL('user/emails?per_page=100', base), emailsSchema, (_page, headers) =>
      nextLink(headers),
    )
  ).flat()
  const pages = await api.all(
    new URL('user/orgs?per_page=100', base),
    organizationsSchema,
    (_page, headers) => nextLink(headers),
  )
  return {
    provider: 'github',
    subject: String(user.id),
    email: emails.find(({ primary, verified }) => primary && verified)?.email ?? null,
    name: user.name,
    nickName: user.login,
    avatarUrl: user.avatar_url,
    organizations: pages.flat().map(({ login }) => login),
    groups: [],
  }
}

/** RFC 8288's `Link: <…>; rel="next"`, as GitHub writes it. */
function nextLink(headers: Headers): string | undefined {
  return /<([^>]*)>;\s*rel="next"/.exec(headers.get('link') ?? '')?.[1]
}

/** GitHub responds to a refused code with 200 and an `error`; RFC 6749 §5.2 would have it 400. */
function errorsAsErrors(fetch: ReturnType<typeof plainFetch>): ReturnType<typeof plainFetch> {
  return async (url, options) => {
    const response = await fetch(url, options)
    if (response.status !== 200) return response
    const body = await response.text()
    const status = /"error"\s*:/.test(body) ? 400 : 200
    return new Response(body, { status, headers: { 'content-type': 'application/json' } })
  }
}

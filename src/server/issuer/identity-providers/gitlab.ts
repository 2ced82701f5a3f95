/** Logging in with GitLab. */
import * as v from 'valibot'
import { openidConnectProvider } from './openid-connect.ts'
import type {
  IdentityProvider,
  IdentityProviderDeps,
  IdentityProviderSettings,
} from './identity-provider-types.ts'

const text = v.optional(v.nullable(v.string()), null)

/** GitLab's userinfo: `groups` has the full paths of all groups, inherited ones included. */
const userSchema = v.object({
  sub: v.string(),
  name: text,
  nickname: text,
  preferred_username: text,
  email: text,
  email_verified: v.optional(v.boolean(), false),
  picture: text,
  groups: v.optional(v.array(v.string()), []),
})

/** gitlab.com or a self-hosted one, by OpenID Connect. */
export function gitlabProvider(
  settings: IdentityProviderSettings,
  deps: IdentityProviderDeps,
): IdentityProvider {
  return openidConnectProvider(
    {
      name: 'gitlab',
      label: 'GitLab',
      settings,
      server: new URL(settings.url),
      scope: 'openid profile email',
      membershipsIn: 'api',
      profile: async ({ client, config, accessToken, claims }) => {
        const user = v.parse(userSchema, await client.fetchUserInfo(config, accessToken, claims.sub))
        return {
          provider: 'gitlab',
          subject: user.sub,
          email: user.email_verified ? user.email : null,
          name: user.name,
          nickName: user.nickname ?? user.preferred_username,
          avatarUrl: user.picture,
          organizations: [],
          groups: user.groups,
        }
      },
    },
    deps,
  )
}

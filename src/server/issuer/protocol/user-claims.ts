/** The claims about a user in access tokens and ID tokens. */
import type { Account } from 'oidc-provider'
import { accountIdOf, type User } from '../../accounts/user-types.ts'
import { TOKEN_ISSUER } from '../tokens/access-tokens.ts'

/** For access tokens. `iat`, `exp`, `aud`, `jti`, `scope` and `client_id` are there already, from the library. */
export function claimsOf(user: User): Record<string, unknown> {
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
export function toAccount(user: User): Account {
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

/** Who a user is: the person, the tenant they are seen in and the role there; and what makes a new account. */
import type { Secret } from '../../redact/secret.ts'

/** As rules, tokens and the names of people spell them. `local` is none: it stands for the server's own accounts. */
export const IDENTITY_PROVIDER_NAMES = ['github', 'gitlab', 'microsoft'] as const
export type IdentityProviderName = (typeof IDENTITY_PROVIDER_NAMES)[number]

export interface Tenant {
  id: string
  slug: string
}

export type AccountRole = 'admin' | 'member' | 'viewer'

/** What somebody becomes in the default tenant who logs in for the first time and passes the server's rule. */
export type DefaultRole = 'none' | 'viewer' | 'member'

export interface User {
  id: string
  /** `local`, or the identity provider that vouches for the person. */
  provider: string
  /** The provider's own ID for the person: the `sub` claim of access tokens. */
  subject: string
  email: string | null
  name: string | null
  nickName: string | null
  avatarUrl: string | null
  /** What the provider said when it was asked last; rules on pipelines read them. */
  organizations: readonly string[]
  groups: readonly string[]
  /** When that was, in milliseconds since 1970; 0: it no longer says; null: a local account, which has neither. */
  membershipsReadAt: number | null
  /** The tenant that counts where a request names none, and the role there. `tenants-and-members.ts` knows the others. */
  tenant: Tenant
  role: AccountRole
  /** Milliseconds since 1970. */
  createdAt: number
}

export interface NewLocalAccount {
  email: string
  password: Secret
  /** Without it: `admin` for the first user of the server, `member` for all others. */
  role?: AccountRole | undefined
  /** The display name; without it, the part of the e-mail before the `@`. */
  name?: string | undefined
  /** The tenant to belong to; without it, the default one. */
  tenant?: Tenant | undefined
}

/** What an identity provider says of a person who has just logged in there. */
export interface IdentityProviderProfile {
  /** `github`, `gitlab` or `microsoft`. */
  provider: string
  /** The identity provider's own ID for the person: with `provider`, the key of the account. */
  subject: string
  /** Only where the identity provider has verified it. */
  email: string | null
  name: string | null
  nickName: string | null
  avatarUrl: string | null
  organizations: readonly string[]
  groups: readonly string[]
}

/** `<provider>:<subject>`: unique on this server and never reassigned. The `sub` of ID tokens and userinfo. */
export function accountIdOf(user: Pick<User, 'provider' | 'subject'>): string {
  return `${user.provider}:${user.subject}`
}

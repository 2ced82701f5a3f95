/** What an identity provider is: its settings, what one login with it needs, and who came back. */
import type { Secret } from '../../../redact/secret.ts'
import type { Fetch } from '../../../platform/fetch-type.ts'
import type { IdentityProviderProfile } from '../../accounts/user-types.ts'

export const IDENTITY_PROVIDER_NAMES = ['github', 'gitlab', 'microsoft'] as const
/** As rules and tokens spell it. */
export type IdentityProviderName = (typeof IDENTITY_PROVIDER_NAMES)[number]

export interface IdentityProviderSettings {
  clientId: string
  clientSecret: Secret
  /** The identity provider's own address, without a trailing slash; https, or http on loopback. */
  url: string
}

/** Those that are set have both a client ID and a secret. */
export interface ConfiguredIdentityProviders {
  github?: IdentityProviderSettings
  gitlab?: IdentityProviderSettings
  /** `tenant` reaches the authorize and token addresses. */
  microsoft?: IdentityProviderSettings & { tenant: string }
}

/** The secrets of one login. They are stored, sealed, in the browser that started it. */
export interface Checks {
  state: string
  codeVerifier: string
  /** For OpenID Connect. */
  nonce: string
  redirectUri: string
}

export interface IdentityProvider {
  name: IdentityProviderName
  /** What people call it. */
  label: string
  /** @throws Fault `unreachable` when the identity provider does not say where to go. */
  authorizeUrl(checks: Checks): Promise<URL>
  /**
   * Who came back.
   * @param response the parameters of the callback
   * @throws Fault `login_denied` when the person or the identity provider said no, `login_timeout` for a code that is
   *   too old or used, `unreachable`, `config` when the identity provider does not know our client, else `failed`
   */
  identify(response: URLSearchParams, checks: Checks): Promise<IdentityProviderProfile>
}

export interface IdentityProviderDeps {
  fetch: Fetch
}

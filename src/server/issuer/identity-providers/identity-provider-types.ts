/** What an identity provider is: its settings, what one login with it needs, and who came back. */
import type { Secret } from '../../../redact/secret.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Fetch } from '../../../platform/fetch-type.ts'
import type { IdentityProviderName, IdentityProviderProfile } from '../../accounts/user-types.ts'

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

/** What an identity provider gave for asking it about a person: stored sealed, and sent to nobody but it. */
export interface ProviderTokens {
  accessToken: Secret
  refreshToken: Secret | undefined
  /** Milliseconds since 1970; undefined: the identity provider named no end. */
  expiresAt: number | undefined
}

interface Identified {
  profile: IdentityProviderProfile
  tokens: ProviderTokens
}

/** What reading a person's memberships again needs. */
export interface ReadAgain {
  /** The identity provider's own ID for the person. */
  subject: string
  tokens: ProviderTokens
  /** Milliseconds since 1970. */
  now: number
  /** Called with new tokens before they are used: the old ones are good no longer. */
  store(tokens: ProviderTokens): void
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
  identify(response: URLSearchParams, checks: Checks): Promise<Identified>
  /**
   * Who a person is now, by the tokens of their last login.
   * @throws Fault `unauthenticated` when the identity provider takes these tokens no longer, or says that they are
   *   another person's; else as `identify`
   */
  readAgain(asked: ReadAgain): Promise<IdentityProviderProfile>
}

export interface IdentityProviderDeps {
  fetch: Fetch
  clock: Pick<Clock, 'now'>
}

/**
 * Owns: logging people in with an identity provider. Where to send a browser, and who came back.
 * Refuses: a response that was not asked for (state, PKCE, nonce, `iss`), an e-mail that the identity provider has not
 * verified, and a login whose organizations or groups could not be read in full: rules are decided on them.
 */
import { githubProvider } from './github.ts'
import { gitlabProvider } from './gitlab.ts'
import type {
  ConfiguredIdentityProviders,
  IdentityProvider,
  IdentityProviderDeps,
} from './identity-provider-types.ts'
import type { IdentityProviderName } from '../../accounts/user-types.ts'
import { microsoftProvider } from './microsoft.ts'

/** The last segments of the callback addresses. They are registered with the identity providers, so they never change. */
const SEGMENTS = { github: 'github', gitlab: 'gitlab', microsoft: 'microsoftonline' } as const

/** `/auth/github`: where a login with the identity provider starts; it returns to `/auth/github/callback`. */
export function identityProviderPath(name: IdentityProviderName): string {
  return `/auth/${SEGMENTS[name]}`
}

/** The identity providers that are set up, in a fixed order. Loads nothing and calls nobody. */
export function openIdentityProviders(
  settings: ConfiguredIdentityProviders,
  deps: IdentityProviderDeps,
): ReadonlyMap<IdentityProviderName, IdentityProvider> {
  const providers: IdentityProvider[] = []
  if (settings.github) providers.push(githubProvider(settings.github, deps))
  if (settings.gitlab) providers.push(gitlabProvider(settings.gitlab, deps))
  if (settings.microsoft) providers.push(microsoftProvider(settings.microsoft, deps))
  return new Map(providers.map((provider) => [provider.name, provider]))
}

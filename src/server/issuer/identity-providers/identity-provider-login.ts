/** A login with an identity provider, from the redirect there to the account. */
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Accounts } from '../../accounts/accounts.ts'
import { accountIdOf, type IdentityProviderName, type User } from '../../accounts/user-types.ts'
import type { Log } from '../../log.ts'
import type { Seal } from '../seal-under-session-secret.ts'
import { type Arrivals, openArrivals } from './returned-identity-cookie.ts'
import { type PendingLogins, pendingLogins, type Purpose } from './pending-login-cookie.ts'
import { identityProviderPath } from './identity-providers.ts'
import type { IdentityProvider } from './identity-provider-types.ts'
import type { StoredProviderTokens } from './stored-provider-tokens.ts'

/**
 * Why nobody was logged in. `expired`: not started in this browser, or too long ago. `not_admitted`: by the server's
 * rule. `not_a_member`: nobody has made the person one.
 */
export type IdentityProviderRefusal =
  | 'expired'
  | 'denied'
  | 'unreachable'
  | 'refused'
  | 'not_admitted'
  | 'not_a_member'

export type IdentityProviderOutcome =
  | { kind: 'ok'; user: User; purpose: Purpose; setCookies: string[] }
  | {
      kind: 'failed'
      why: IdentityProviderRefusal
      purpose: Purpose | undefined
      setCookies: string[]
      /** `<provider>:<subject>` of somebody who has logged in there, and is not let in here. */
      account?: string
    }

export interface IdentityProviderLogins {
  /** What the login page offers. */
  providers: readonly { name: IdentityProviderName; label: string; path: string }[]
  /** Sends a browser to the identity provider. @throws Fault `not_found`, `unreachable`. */
  start(
    provider: IdentityProviderName,
    purpose: Purpose,
    cookieHeader: string | null,
  ): Promise<{ location: string; setCookies: string[] }>
  /**
   * Takes the identity provider's response; the account is created or updated. Never throws for a bad response.
   */
  complete(
    provider: IdentityProviderName,
    response: URLSearchParams,
    cookieHeader: string | null,
  ): Promise<IdentityProviderOutcome>
  arrivals: Arrivals
}

export interface IdentityProviderLoginDeps {
  configured: ReadonlyMap<IdentityProviderName, IdentityProvider>
  tokens: StoredProviderTokens
  /** Our public URL, without a trailing slash. */
  url: string
  seal: Seal
  accounts: Accounts
  clock: Clock
  log: Log
}

export function openIdentityProviderLogins(deps: IdentityProviderLoginDeps): IdentityProviderLogins {
  const { url, seal, clock, configured: providers } = deps
  const secure = url.startsWith('https:')
  const pending = pendingLogins(seal, secure, () => clock.now())
  return {
    providers: [...providers.values()].map(({ name, label }) => ({
      name,
      label,
      path: identityProviderPath(name),
    })),
    start: async (name, purpose, cookieHeader) => {
      const provider = providers.get(name)
      if (!provider) throw new Fault('not_found', `this server does not log in with ${name}`)
      const redirectUri = `${url}${identityProviderPath(name)}/callback`
      const started = pending.start({ provider: name, redirectUri, purpose }, cookieHeader)
      const to = await provider.authorizeUrl(started.pending.checks)
      return { location: to.href, setCookies: started.setCookies }
    },
    complete: (name, response, cookieHeader) =>
      complete({ ...deps, provider: providers.get(name), pending }, response, cookieHeader),
    arrivals: openArrivals(seal, secure, () => clock.now()),
  }
}

async function complete(
  deps: IdentityProviderLoginDeps & { provider: IdentityProvider | undefined; pending: PendingLogins },
  response: URLSearchParams,
  cookieHeader: string | null,
): Promise<IdentityProviderOutcome> {
  const { provider, pending, accounts, log } = deps
  const states = response.getAll('state')
  const taken = states.length === 1 ? pending.take(states[0] ?? null, cookieHeader) : undefined
  // RFC 9700 §4.4: a login started with one identity provider is not finished by the response of another.
  if (!taken || taken.pending.provider !== provider?.name) {
    return { kind: 'failed', why: 'expired', purpose: undefined, setCookies: taken?.setCookies ?? [] }
  }
  const { purpose, checks } = taken.pending
  const { setCookies } = taken
  try {
    const { profile, tokens } = await provider.identify(response, checks)
    const invitation = purpose.kind === 'invitation' ? purpose.id : undefined
    const signedIn = await accounts.signInWithIdentityProvider(profile, invitation)
    if (signedIn.kind !== 'ok') {
      return { kind: 'failed', why: signedIn.kind, purpose, setCookies, account: accountIdOf(profile) }
    }
    deps.tokens.store(signedIn.user.id, tokens, deps.clock.now())
    return { kind: 'ok', user: signedIn.user, purpose, setCookies }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const cause = error.cause instanceof Error ? error.cause : undefined
    log.warn('login with an identity provider failed', {
      vendor: provider.name,
      reason: error.message,
      detail: cause && 'code' in cause && typeof cause.code === 'string' ? cause.code : cause?.name,
    })
    return { kind: 'failed', why: REFUSALS[error.code] ?? 'refused', purpose, setCookies }
  }
}

const REFUSALS: Partial<Record<Fault['code'], IdentityProviderRefusal>> = {
  login_denied: 'denied',
  login_timeout: 'expired',
  unreachable: 'unreachable',
}

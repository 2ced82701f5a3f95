/** How callers authenticate, as the settings say it. */
import { Fault } from '../../contract/fault.ts'
import { isLoopbackHost } from '../../platform/network/is-loopback-host.ts'
import { Secret } from '../../redact/secret.ts'
import type { ConfiguredIdentityProviders } from '../issuer/identity-providers/identity-provider-types.ts'
import { IDENTITY_PROVIDER_NAMES } from '../accounts/user-types.ts'
import { MIN_SESSION_SECRET_BYTES } from '../issuer/session-secret-minimum-length.ts'
import { SETTING_NAMES, type SettingName } from './setting-table.ts'
import type { SettingValues } from './setting-values.ts'
import { parseAge } from './parse-ages-and-sizes.ts'
import { readTokenLifetimes, type TokenLifetimes } from './token-lifetimes.ts'

/** How callers prove who they are. One of the three, never two. */
export type Strategy =
  | { kind: 'open' }
  | { kind: 'basic'; username: string; password: Secret }
  | {
      kind: 'oauth'
      localAccounts: boolean
      /** The identity providers that are set up. */
      identityProviders: ConfiguredIdentityProviders
      sessionSecret: Secret
      callbackUrl: string
      /** Absent: the issuer's own. */
      lifetimes?: TokenLifetimes
      /** How old what identity providers said of memberships may be; absent: the issuer's own. */
      membershipMaxAgeMs?: number | undefined
    }

/** @throws Fault `config` naming both settings where two clash, or the one that is missing. */
export function chooseStrategy(values: SettingValues): Strategy {
  const basic = bothSet(values, 'basic-auth-username', 'basic-auth-password')
  // All of them, so that half of the second is noticed as well.
  const providers = IDENTITY_PROVIDER_NAMES.filter((name) =>
    bothSet(values, `oauth-${name}-client-id`, `oauth-${name}-client-secret`),
  )
  const provider = providers.at(0)
  const local = values['local-accounts'] === 'true'
  const oauthBy =
    provider !== undefined ? `--oauth-${provider}-client-id` : local ? '--local-accounts' : undefined
  if (basic && oauthBy !== undefined) {
    throw new Fault('config', `--basic-auth-username and ${oauthBy} cannot both be set`, {
      hint: 'a server speaks either Basic or OAuth: remove one of the two',
    })
  }
  refuseOrphans(values, basic, oauthBy, providers)
  if (basic) return basicStrategy(values)
  return oauthBy === undefined ? { kind: 'open' } : oauthStrategy(values, oauthBy)
}

/**
 * A setting of OAuth means that OAuth is wanted. Without a way to log in the server would be open instead.
 * @throws for a setting of OAuth without a provider, and for one of an identity provider that is not set up
 */
function refuseOrphans(
  values: SettingValues,
  basic: boolean,
  oauthBy: string | undefined,
  providers: readonly string[],
): void {
  for (const name of SETTING_NAMES) {
    if (!name.startsWith('oauth-') || values[name] === undefined) continue
    if (basic) {
      throw new Fault('config', `--basic-auth-username and --${name} cannot both be set`, {
        hint: 'a server speaks either Basic or OAuth: remove one of the two',
      })
    }
    if (oauthBy === undefined) {
      throw new Fault('config', `--${name} is set, but there is no way to log in`, {
        hint: `set --local-accounts, or the client of a provider: ${IDENTITY_PROVIDER_NAMES.map((provider) => `--oauth-${provider}-client-id`).join(', ')}`,
      })
    }
    const provider = IDENTITY_PROVIDER_NAMES.find((known) => name.startsWith(`oauth-${known}-`))
    if (provider !== undefined && !providers.includes(provider)) {
      throw new Fault('config', `--${name} is set, but --oauth-${provider}-client-id is not`, {
        hint: 'set the client ID and its secret, or neither',
      })
    }
  }
}

/** @throws when only one of the two is set. */
function bothSet(values: SettingValues, first: SettingName, second: SettingName): boolean {
  const [a, b] = [values[first] !== undefined, values[second] !== undefined]
  if (a !== b) {
    throw new Fault('config', `--${a ? first : second} is set but --${a ? second : first} is not`, {
      hint: 'set both or neither',
    })
  }
  return a
}

function basicStrategy(values: SettingValues): Strategy {
  const username = values['basic-auth-username'] ?? ''
  // RFC 7617 §2: the first colon ends the user-id.
  if (username.includes(':')) throw new Fault('config', '--basic-auth-username cannot contain ":"')
  return { kind: 'basic', username, password: new Secret(values['basic-auth-password'] ?? '') }
}

function oauthStrategy(values: SettingValues, oauthBy: string): Strategy {
  const sessionSecret = values['oauth-session-secret']
  const callbackUrl = values['oauth-callback-url']
  if (sessionSecret === undefined) {
    throw new Fault('config', `${oauthBy} needs --oauth-session-secret`, {
      hint: 'create one with: openssl rand -hex 32',
    })
  }
  if (callbackUrl === undefined) {
    throw new Fault('config', `${oauthBy} needs --oauth-callback-url`, {
      hint: 'the address that browsers use, for example https://ci.example.com',
    })
  }
  if (Buffer.byteLength(sessionSecret) < MIN_SESSION_SECRET_BYTES) {
    throw new Fault('config', `--oauth-session-secret is shorter than ${MIN_SESSION_SECRET_BYTES} bytes`, {
      hint: 'create one with: openssl rand -hex 32',
    })
  }
  return {
    kind: 'oauth',
    localAccounts: values['local-accounts'] === 'true',
    identityProviders: readIdentityProviders(values),
    sessionSecret: new Secret(sessionSecret),
    callbackUrl: baseUrl(callbackUrl),
    lifetimes: readTokenLifetimes(values),
    membershipMaxAgeMs: readMembershipMaxAge(values['membership-max-age']),
  }
}

/** A full base URL without a path: https, since passwords and sessions come there; http on loopback. */
function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const bare =
    url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.href === `${url.origin}/` // no path, query, fragment or credentials
  if (!bare) {
    throw new Fault('config', '--oauth-callback-url takes the base URL of this server, without a path', {
      hint: 'for example https://ci.example.com',
    })
  }
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    throw new Fault('config', '--oauth-callback-url takes an https address, or http on loopback', {
      hint: `passwords and sessions would travel in the clear; put a proxy with TLS before the server and name its address: https://${url.host}`,
    })
  }
  return url.origin
}

/** Identity providers limit how often they are asked; and a month is as good as never. */
const MEMBERSHIP_AGES = { leastMs: 60_000, mostMs: 30 * 86_400_000 }

/** @throws Fault `config` for a time that is not valid */
function readMembershipMaxAge(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = parseAge(text)
  if (ms !== undefined && ms >= MEMBERSHIP_AGES.leastMs && ms <= MEMBERSHIP_AGES.mostMs) return ms
  throw new Fault('config', `--membership-max-age takes a time from 1m to 30d, such as 12h, not ${text}`)
}

const IDENTITY_PROVIDER_URLS = {
  github: 'https://github.com',
  gitlab: 'https://gitlab.com',
  microsoft: 'https://login.microsoftonline.com',
} as const

/** Everybody with a Microsoft account, which only the global cloud can tell apart. */
const SHARED_TENANTS: ReadonlySet<string> = new Set(['common', 'organizations', 'consumers'])

/** @throws Fault `config` for an address or a tenant that is not valid */
function readIdentityProviders(values: SettingValues): ConfiguredIdentityProviders {
  const provider = (name: (typeof IDENTITY_PROVIDER_NAMES)[number]) => {
    const clientId = values[`oauth-${name}-client-id`]
    const clientSecret = values[`oauth-${name}-client-secret`]
    const setting = `oauth-${name}-url` as const
    if (clientId === undefined || clientSecret === undefined) return undefined
    return {
      clientId,
      clientSecret: new Secret(clientSecret),
      url: providerUrl(setting, values, IDENTITY_PROVIDER_URLS[name]),
    }
  }
  const [github, gitlab, microsoft] = [provider('github'), provider('gitlab'), provider('microsoft')]
  return {
    ...(github === undefined ? {} : { github }),
    ...(gitlab === undefined ? {} : { gitlab }),
    ...(microsoft === undefined
      ? {}
      : { microsoft: { ...microsoft, tenant: tenantOf(values, microsoft.url) } }),
  }
}

/** https, since client secrets and tokens go there; http on loopback. No credentials, query or fragment. */
function providerUrl(setting: SettingName, values: SettingValues, standard: string): string {
  const text = values[setting] ?? standard
  const url = URL.parse(text)
  const loopback = url !== null && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback)
  if (!url || !safe || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new Fault('config', `--${setting} takes an https address, or http on loopback`, {
      hint: `for example ${standard}`,
    })
  }
  return url.href.replace(/\/+$/, '')
}

/** @throws Fault `config` for a tenant that cannot be one, and for a missing one where it is needed */
function tenantOf(values: SettingValues, url: string): string {
  const tenant = values['oauth-microsoft-tenant'] ?? 'common'
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(tenant)) {
    throw new Fault('config', '--oauth-microsoft-tenant takes the ID or the domain of a directory', {
      hint: 'for example contoso.onmicrosoft.com',
    })
  }
  if (url !== IDENTITY_PROVIDER_URLS.microsoft && SHARED_TENANTS.has(tenant)) {
    throw new Fault('config', '--oauth-microsoft-url needs --oauth-microsoft-tenant', {
      hint: 'the ID or the domain of one directory',
    })
  }
  return tenant
}

/** Those that anybody in the world can have an account with. */
export function publicIdentityProviders({
  github,
  gitlab,
  microsoft,
}: ConfiguredIdentityProviders): string[] {
  return [
    ...(github?.url === IDENTITY_PROVIDER_URLS.github ? ['GitHub'] : []),
    ...(gitlab?.url === IDENTITY_PROVIDER_URLS.gitlab ? ['GitLab'] : []),
    ...(microsoft && SHARED_TENANTS.has(microsoft.tenant) ? ['Microsoft'] : []),
  ]
}

/** The HTTP app of a server: its domain, and how requests reach it. */
import type { Clock } from '../platform/clock.ts'
import { openAttempts } from './accounts/login-attempt-limits.ts'
import { type Authenticator, basicAuthenticator, oauthAuthenticator, openAuthenticator } from './auth/auth.ts'
import { type TokenBearers, tokenBearers } from './auth/authenticate-prefixed-tokens.ts'
import type { Domain } from './open-server-without-http.ts'
import { type App, createApp } from './http/handle-request.ts'
import { openLimits } from './http/guards/rate-limits.ts'
import { openForwarded } from './http/request/client-address-behind-proxies.ts'
import type { Services } from './http/handler-services.ts'
import type { Issuer } from './issuer/issuer.ts'
import type { Listener } from './listen-before-app.ts'
import type { Log } from './log.ts'
import type { ServeDeps } from './serve-deps.ts'
import type { TrustedIssuers } from './trusted-issuers/trusted-issuers.ts'
import { publicIdentityProviders, type ServerSettings } from './settings/settings.ts'

/** Records the settings in the audit log, warns of an open server, and builds the app. */
export function openHttpApp(
  deps: ServeDeps,
  { domain, url, listener }: { domain: Domain; url: string; listener: Pick<Listener, 'url' | 'peers'> },
): App {
  const { settings, log } = deps
  const services = servicesOf(deps, domain, url)
  recordSettings(services, settings)
  warnOfStrangers(settings, listener.url, log)
  return createApp(services, listener.peers)
}

function servicesOf({ settings, clock, log, version }: ServeDeps, domain: Domain, url: string): Services {
  const { strategy, tasks, trustedProxies } = settings
  const { issued, issuer, defaultTenant } = domain
  const trusted = domain.trustedIssuers
  const bearers = tokenBearers({ ...issued, trusted, now: () => clock.now() })
  return {
    settings: {
      url,
      strategy: strategy.kind,
      version,
      passwords: strategy.kind === 'oauth' && strategy.localAccounts,
      defaultRole: settings.defaultRole ?? 'member',
      driver: tasks.drivers[0],
      metricsOpen: settings.metricsOpen ?? false,
      hosts: strategy.kind === 'open' ? openHosts(settings) : undefined,
    },
    defaultTenant,
    authenticator: authenticator(settings, defaultTenant, { issuer, bearers, trusted }, clock),
    issuer,
    accounts: domain.accounts,
    tenants: domain.tenants,
    members: domain.members,
    invitations: domain.invitations,
    rbac: domain.rbac,
    limits: openLimits(clock),
    forwarded: openForwarded(trustedProxies),
    cliTokens: issued.cliTokens,
    runners: issued.runners,
    serviceKeys: issued.serviceKeys,
    downloads: issued.downloads,
    audit: domain.audit,
    vault: domain.vault,
    runs: domain.runs,
    mcp: domain.mcp,
    webhooks: domain.webhooks,
    schedules: domain.schedules,
    disk: domain.disk,
    metrics: domain.metrics,
    clock,
    log,
    pipelines: domain.pipelines,
  }
}

/** Under which settings the entries that follow were made; never one that carries a secret. */
function recordSettings({ audit, defaultTenant }: Services, settings: ServerSettings): void {
  const { trustedIssuers = [] } = settings
  const details = {
    strategy: settings.strategy.kind,
    rule: settings.rbac ?? null,
    trustedProxies: settings.trustedProxies.join(' '),
    ...(trustedIssuers.length === 0
      ? {}
      : { trustedIssuers: trustedIssuers.map(({ issuer }) => issuer).join(' ') }),
  }
  audit.record({ tenantId: defaultTenant.id, actor: 'console', action: 'settings', details })
}

/**
 * Warns of a server without authentication, and of one without a rule that anybody with an account at a public
 * identity provider can log in to: the operator should know.
 */
function warnOfStrangers(
  { strategy, rbac, defaultRole = 'member' }: ServerSettings,
  url: string,
  log: Log,
): void {
  if (strategy.kind === 'open') log.warn('anyone who reaches this port is an administrator', { url })
  if (strategy.kind !== 'oauth' || rbac !== undefined || defaultRole === 'none') return
  const open = publicIdentityProviders(strategy.identityProviders)
  if (open.length === 0) return
  log.warn(`anybody with an account there may log in and becomes a ${defaultRole}: set --rbac`, {
    vendors: open.join(', '),
    hint: 'or --default-role none: then only people whom an administrator has added or invited are let in',
  })
}

/** Without authentication a request may name only loopback hosts, unless the server listens on another address. */
function openHosts({ listen }: ServerSettings): ReadonlySet<string> | undefined {
  const loopback = ['localhost', '127.0.0.1', '[::1]']
  const own = listen.hostname.includes(':') ? `[${listen.hostname}]` : listen.hostname
  return loopback.includes(own) || own.startsWith('127.') ? new Set([...loopback, own]) : undefined
}

function authenticator(
  { strategy }: ServerSettings,
  tenant: { id: string; slug: string },
  {
    issuer,
    ...verifiers
  }: { issuer: Issuer | undefined; bearers: TokenBearers; trusted: TrustedIssuers | undefined },
  clock: Clock,
): Authenticator {
  if (strategy.kind === 'open') return openAuthenticator(tenant)
  if (strategy.kind === 'basic') return basicAuthenticator(tenant, strategy, openAttempts(clock))
  return oauthAuthenticator({
    url: strategy.callbackUrl,
    verify: (token) => issuer?.verifyAccessToken(token),
    ...verifiers,
  })
}

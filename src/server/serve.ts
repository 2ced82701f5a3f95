/**
 * The composition root: builds every part of the server, joins them, and takes them down again in order.
 */
import { resolve } from 'node:path'
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch.ts'
import type { Env } from '../platform/processes/environment.ts'
import { openAccounts } from './accounts/accounts.ts'
import { accountIdOf } from './accounts/user.ts'
import { openAttempts } from './accounts/login-attempts.ts'
import { openIssued } from './accounts/issued-credentials.ts'
import { openTenants } from './accounts/tenants.ts'
import { openAudit } from './audit/audit.ts'
import { type Authenticator, basicAuthenticator, oauthAuthenticator, openAuthenticator } from './auth/auth.ts'
import { type TokenBearers, tokenBearers } from './auth/bearer-tokens.ts'
import { claimFolder } from './db/data-folder-lock.ts'
import { databasePath } from './db/database-files.ts'
import { openDatabase } from './db/open-database.ts'
import { createApp } from './http/app.ts'
import { openForwarded } from './http/request/forwarded-headers.ts'
import { openLimits } from './http/guards/rate-limits.ts'
import type { Services } from './http/services.ts'
import { type Issuer, openIssuer } from './issuer/issuer.ts'
import { listen, stopListening } from './listen.ts'
import type { Log, ServerLog } from './log.ts'
import { openMcp } from './mcp/mcp.ts'
import { openServerVault, setServerSecrets } from './administration/vault-from-settings.ts'
import { openPipelines } from './pipelines/pipelines.ts'
import { openRbac, type Rbac } from './rbac/rbac.ts'
import { publicIdentityProviders } from './settings/settings.ts'
import { revokeEverything } from './administration/revoke-user-access.ts'
import { createDockerDriver } from './runs/drivers/docker/docker-driver.ts'
import { openRetention } from './runs/journal/retention.ts'
import { openRuns } from './runs/run.ts'
import type { ServerSettings } from './settings/settings.ts'
import { openTriggers } from './triggers/triggers.ts'
import { devicePages } from './web/device-login-template.ts'
import { renderProtocolError } from './web/login-and-message-templates.ts'

export interface RunningServer {
  /** The address to use, with the port that was really taken. */
  url: string
  /** Ends the running runs, lets open answers finish, closes the database. */
  stop(): Promise<void>
}

export interface ServeDeps {
  settings: ServerSettings
  clock: Clock
  log: ServerLog
  version: string
  /** For the identity providers that people log in with; without it, the real one. */
  fetch?: Fetch
  /** Starts this program as the sandbox of one script. */
  sandboxCommand: readonly string[]
  /** Starts it as the supervisor of native tasks, which outlives us. */
  tasksCommand?: readonly string[]
  /** For what runs start on this machine themselves, such as git. */
  env?: Env
}

/** How often expired codes, sessions, tokens and logs are swept out, and when for the first time. */
const PURGE_EVERY_MS = 10 * 60_000
const FIRST_PURGE_MS = 5000

/** @throws Fault `config` when the settings, the passphrase, the folder or the port do not allow a start */
export async function serve(deps: ServeDeps): Promise<RunningServer> {
  const dataDir = resolve(deps.settings.dataDir)
  const folder = claimFolder(dataDir)
  const closers: (() => void | Promise<void>)[] = [() => folder.release()]
  const closeAll = async () => {
    for (const close of closers.toReversed()) await close()
  }
  try {
    const database = openDatabase(databasePath(dataDir))
    closers.push(() => database.close())
    const { db } = database
    const { clock, log, settings } = deps
    const rbac = await serverRbac(settings)
    const accounts = await openAccounts({
      db,
      clock,
      onCredentialsChanged: (user) => revokeEverything(db, user),
    })
    const defaultTenant = accounts.defaultTenant()
    const vaultDeps = { db, clock, log, defaultTenantId: defaultTenant.id }
    const vault = await openServerVault({ settings: settings.vault, ...vaultDeps })
    closers.push(() => vault.close())
    await setServerSecrets(vault, settings.secrets)
    // The port is taken before the runs are looked at: a second start must not touch the first one's.
    const publicUrl = settings.strategy.kind === 'oauth' ? settings.strategy.callbackUrl : undefined
    const listener = listen({ ...settings.listen, publicUrl, log })
    closers.push(() => stopListening(listener.server))
    const url = publicUrl ?? listener.url
    const audit = openAudit({ db, clock })
    const issuer =
      settings.strategy.kind === 'oauth'
        ? await openIssuer({
            db,
            url,
            sessionSecret: settings.strategy.sessionSecret,
            accounts,
            clock,
            log,
            errorPage: renderProtocolError,
            devicePages: devicePages(new URL(url).host),
            identityProviders: settings.strategy.identityProviders,
            lifetimes: settings.strategy.lifetimes ?? {},
            fetch: deps.fetch ?? globalThis.fetch,
            onEvent: ({ user, ...event }) =>
              audit.record({
                ...event,
                tenantId: user?.tenant.id ?? defaultTenant.id,
                actor: user === undefined ? 'anonymous' : accountIdOf(user),
              }),
          })
        : undefined
    const { sandboxCommand, tasksCommand, env = {} } = deps
    const docker = createDockerDriver({ settings: settings.tasks.docker, dataDir, clock, log })
    const { maxLogBytes, ...keep } = settings.keep
    const machine = { sandboxCommand, tasksCommand, tasksWaitMs: settings.tasksWaitMs, env }
    const drivers = { drivers: [docker], allowed: settings.tasks.drivers }
    const bounds = { ...settings.runs, maxLogBytes }
    const runs = await openRuns({ db, dataDir, vault, clock, log, ...machine, ...drivers, ...bounds })
    closers.push(() => runs.close())
    const retention = openRetention({ db, vault, clock, log, ...keep })
    closers.push(() => retention.close())
    const mcp = openMcp({ version: deps.version })
    closers.push(() => mcp.close())
    const triggers = openTriggers({ db, clock, log, audit, vault, runs, defaultTenant })
    closers.push(() => triggers.close())
    const issued = openIssued({ db, clock })
    const bearers = tokenBearers({ ...issued, now: () => clock.now() })
    const services: Services = {
      settings: {
        url,
        strategy: settings.strategy.kind,
        version: deps.version,
        passwords: settings.strategy.kind === 'oauth' && settings.strategy.localAccounts,
        driver: settings.tasks.drivers[0],
        hosts: settings.strategy.kind === 'open' ? openHosts(settings) : undefined,
      },
      defaultTenant,
      authenticator: authenticator(settings, defaultTenant, issuer, bearers, clock),
      issuer,
      accounts,
      tenants: openTenants({ db, clock }),
      rbac,
      limits: openLimits(clock),
      forwarded: openForwarded(settings.trustedProxies),
      cliTokens: issued.cliTokens,
      runners: issued.runners,
      serviceKeys: issued.serviceKeys,
      downloads: issued.downloads,
      audit,
      vault,
      runs,
      mcp,
      webhooks: triggers.webhooks,
      schedules: triggers.schedules,
      clock,
      log,
      pipelines: openPipelines({
        db,
        clock,
        vault,
        rbac,
        audit,
        runs,
        schedules: triggers.schedules,
        defaultDriver: settings.tasks.drivers[0],
      }),
    }
    recordSettings(services, settings)
    warnOfStrangers(settings, listener.url, log)
    listener.attach(createApp(services, listener.peers))
    closers.push(sweep([issued, triggers, retention, ...(issuer === undefined ? [] : [issuer])], log))
    return { url: listener.url, stop: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** Under which settings the entries that follow were made; never one that carries a secret. */
function recordSettings({ audit, defaultTenant }: Services, settings: ServerSettings): void {
  const details = {
    strategy: settings.strategy.kind,
    rule: settings.rbac ?? null,
    trustedProxies: settings.trustedProxies.join(' '),
  }
  audit.record({ tenantId: defaultTenant.id, actor: 'console', action: 'settings', details })
}

/** @throws Fault `config` naming the setting when the server's rule is none */
async function serverRbac({ rbac }: ServerSettings): Promise<Rbac> {
  try {
    return await openRbac(rbac)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new Fault('config', `--rbac: ${error.message}`, { hint: error.hint, cause: error })
  }
}

/**
 * An open server, and one that whoever has an account with a public identity provider gets in to because no rule says
 * otherwise: that should be meant.
 */
function warnOfStrangers({ strategy, rbac }: ServerSettings, url: string, log: Log): void {
  if (strategy.kind === 'open') log.warn('anyone who reaches this port is an administrator', { url })
  if (strategy.kind !== 'oauth' || rbac !== undefined) return
  const open = publicIdentityProviders(strategy.identityProviders)
  if (open.length === 0) return
  log.warn('anybody with an account there may log in and becomes a member: set --rbac', {
    vendors: open.join(', '),
  })
}

/** Without authentication only loopback names are answered to, unless the network was let in by name. */
function openHosts({ listen }: ServerSettings): ReadonlySet<string> | undefined {
  const loopback = ['localhost', '127.0.0.1', '[::1]']
  const own = listen.hostname.includes(':') ? `[${listen.hostname}]` : listen.hostname
  return loopback.includes(own) || own.startsWith('127.') ? new Set([...loopback, own]) : undefined
}

function authenticator(
  { strategy }: ServerSettings,
  tenant: { id: string; slug: string },
  issuer: Issuer | undefined,
  bearers: TokenBearers,
  clock: Clock,
): Authenticator {
  if (strategy.kind === 'open') return openAuthenticator(tenant)
  if (strategy.kind === 'basic') return basicAuthenticator(tenant, strategy, openAttempts(clock))
  return oauthAuthenticator({
    url: strategy.callbackUrl,
    verify: (token) => issuer?.verifyAccessToken(token),
    bearers,
  })
}

function sweep(parts: readonly { purgeExpired(): Promise<void> }[], log: Log): () => void {
  const purge = () => {
    for (const part of parts) {
      part.purgeExpired().catch(() => log.warn('expired records could not be swept out'))
    }
  }
  const first = setTimeout(purge, FIRST_PURGE_MS)
  const timer = setInterval(purge, PURGE_EVERY_MS)
  return () => {
    clearTimeout(first)
    clearInterval(timer)
  }
}

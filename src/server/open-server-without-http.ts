/** The server without HTTP: its storage, and the parts that work on it. */
import { Fault } from '../contract/fault.ts'
import { ALL_SCOPES } from '../contract/token-scopes.ts'
import { type AccountsDeps, openAccounts } from './accounts/accounts.ts'
import { openMetrics } from './metrics.ts'
import { timedVault, timeTransactions } from './time-vault-and-database.ts'
import { openIssued } from './accounts/issued-credential-stores.ts'
import { openInvitations } from './accounts/membership/invitations.ts'
import { openMembers } from './accounts/membership/members.ts'
import { openTenants } from './accounts/tenants-and-members.ts'
import { accountIdOf, type User } from './accounts/user-types.ts'
import { revokeEverything } from './administration/revoke-user-access.ts'
import { openServerVault, setServerSecrets } from './open-server-vault.ts'
import { openAudit } from './audit/audit.ts'
import { databasePath } from './db/database-files.ts'
import { type Db, openDatabase } from './db/open-database.ts'
import { type Issuer, openIssuer } from './issuer/issuer.ts'
import type { ExchangeToken } from './issuer/protocol/token-exchange-grant.ts'
import { openMcp } from './mcp/mcp.ts'
import { userPrincipal } from './auth/create-principal.ts'
import { openPipelines } from './pipelines/pipelines.ts'
import { openRbac, type Rbac } from './access-rules/access-rules.ts'
import { createDockerDriver } from './runs/drivers/docker/docker-driver.ts'
import { openRetention } from './runs/journal/apply-retention.ts'
import { openRuns } from './runs/runs.ts'
import { openDiskSpace } from './disk-space.ts'
import type { OnClose, ServeDeps } from './serve-deps.ts'
import type { ServerSettings } from './settings/settings.ts'
import { openTriggers } from './triggers/triggers.ts'
import { openServerTrust } from './open-trusted-issuers.ts'
import { warnOfMissingPeople } from './warn-of-missing-people.ts'
import { devicePages } from './web/device-login-template.ts'
import { renderProtocolError } from './web/login-consent-and-message-templates.ts'

type Storage = Awaited<ReturnType<typeof openStorage>>
export type Domain = Awaited<ReturnType<typeof openDomain>>

/**
 * The database, and what has to be right before the server takes its port: the rule, the accounts, the vault.
 * @throws Fault `config` for a rule, a passphrase or a database that does not allow a start
 */
export async function openStorage(
  { settings, clock, log }: ServeDeps,
  { dataDir, onClose }: { dataDir: string; onClose: OnClose },
) {
  const disk = openDiskSpace({ folders: [dataDir], clock, log })
  onClose(() => disk.close())
  const database = openDatabase(databasePath(dataDir))
  onClose(() => database.close())
  if (database.isNew) log.info('created a new database', { path: databasePath(dataDir) })
  const { db } = database
  const metrics = openMetrics()
  timeTransactions(db, metrics)
  const rbac = await serverRbac(settings)
  const accounts = await openAccounts({
    db,
    clock,
    onCredentialsChanged: (user) => revokeEverything(db, user),
    administrator: namedAdministrator(settings, db, { clock, log }),
    ...newcomers(settings, { db, clock, rbac }),
  })
  await warnOfMissingPeople(settings, { accounts, rbac, log })
  const defaultTenant = accounts.defaultTenant()
  const opened = await openServerVault({
    settings: settings.vault,
    db,
    clock,
    log,
    defaultTenantId: defaultTenant.id,
  })
  onClose(() => opened.close())
  const vault = timedVault(opened, metrics)
  await setServerSecrets(vault, settings.secrets)
  return { dataDir, disk, metrics, db, rbac, accounts, defaultTenant, vault }
}

/** Everything that works on the storage. Runs that were interrupted are resumed. @param url as browsers use it */
export async function openDomain(
  deps: ServeDeps,
  { storage, url, onClose }: { storage: Storage; url: string; onClose: OnClose },
) {
  const { settings, clock, log } = deps
  const { db, vault, rbac, accounts, defaultTenant } = storage
  const audit = openAudit({ db, clock })
  const trust = openServerTrust(deps, { db, audit, metrics: storage.metrics })
  const issuer = await openServerIssuer(deps, { storage, url, audit, exchange: trust?.exchange })
  const runs = await openServerRuns(deps, storage)
  onClose(() => runs.close())
  const { maxLogBytes: _, ...keep } = settings.keep
  const retention = openRetention({ db, vault, clock, log, ...keep })
  onClose(() => retention.close())
  const mcp = openMcp({ version: deps.version })
  onClose(() => mcp.close())
  const triggers = openTriggers({ db, clock, log, audit, vault, runs, defaultTenant })
  onClose(() => triggers.close())
  const { schedules, webhooks } = triggers
  const issued = openIssued({ db, clock })
  const tenants = openTenants({ db, clock })
  const members = openMembers({ db, clock, accounts, tenants })
  const invitations = openInvitations({ db, clock })
  const [defaultDriver] = settings.tasks.drivers
  return {
    ...storage,
    audit,
    issuer,
    trustedIssuers: trust?.issuers,
    runs,
    mcp,
    schedules,
    webhooks,
    issued,
    tenants,
    members,
    invitations,
    pipelines: openPipelines({ db, clock, vault, rbac, audit, runs, schedules, defaultDriver }),
    /** The parts whose records expire. */
    expiring: [issued, members, invitations, triggers, retention, ...(issuer === undefined ? [] : [issuer])],
  }
}

/** The authorization server, where people log in by OAuth. What happens in it goes to the audit log. */
async function openServerIssuer(
  { settings: { strategy, rbac }, clock, log, fetch = globalThis.fetch }: ServeDeps,
  {
    storage: { db, accounts, defaultTenant },
    url,
    audit,
    exchange,
  }: {
    storage: Storage
    url: string
    audit: ReturnType<typeof openAudit>
    exchange: ExchangeToken | undefined
  },
): Promise<Issuer | undefined> {
  if (strategy.kind !== 'oauth') return undefined
  return openIssuer({
    db,
    url,
    sessionSecret: strategy.sessionSecret,
    accounts,
    clock,
    log,
    errorPage: renderProtocolError,
    devicePages: devicePages(new URL(url).host),
    identityProviders: strategy.identityProviders,
    lifetimes: strategy.lifetimes ?? {},
    fetch,
    membershipMaxAgeMs: strategy.membershipMaxAgeMs,
    serverRule: rbac,
    exchange,
    onMembershipEvent: (event, within) =>
      audit.record(
        {
          tenantId: event.user.tenant.id,
          actor: 'identity-provider',
          action: event.kind === 'changed' ? 'memberships.change' : 'memberships.lost',
          target: accountIdOf(event.user),
          ...(event.kind === 'changed' ? { details: event.details } : { outcome: 'refused' }),
        },
        within,
      ),
    onEvent: ({ user, ...event }) =>
      audit.record({
        ...event,
        tenantId: user?.tenant.id ?? defaultTenant.id,
        actor: user === undefined ? 'anonymous' : accountIdOf(user),
      }),
  })
}

function openServerRuns(deps: ServeDeps, { dataDir, disk, metrics, db, vault }: Storage) {
  const { settings, clock, log, sandboxCommand, holdsSpareSandbox, tasksCommand, env = {} } = deps
  const docker = createDockerDriver({ settings: settings.tasks.docker, dataDir, clock, log })
  const machine = { sandboxCommand, holdsSpareSandbox, tasksCommand, tasksWaitMs: settings.tasksWaitMs, env }
  const drivers = { drivers: [docker], allowed: settings.tasks.drivers }
  const bounds = { ...settings.runs, maxLogBytes: settings.keep.maxLogBytes }
  return openRuns({ db, dataDir, vault, disk, metrics, clock, log, ...machine, ...drivers, ...bounds })
}

/** The log and the audit log tell that somebody has become administrator by the settings. */
function namedAdministrator(
  { administrator }: ServerSettings,
  db: Db,
  { clock, log }: Pick<ServeDeps, 'clock' | 'log'>,
) {
  if (administrator === undefined) return undefined
  const audit = openAudit({ db, clock })
  const onMade = (user: User) => {
    const target = accountIdOf(user)
    const details = { role: 'admin', by: '--admin' }
    audit.record({ tenantId: user.tenant.id, actor: 'console', action: 'member.set', target, details })
    log.info('somebody has become administrator, as --admin says', { account: target })
  }
  return { named: administrator, onMade }
}

/** Who is let in for the first time, and as what; the audit log tells of each. */
function newcomers(
  { defaultRole = 'member' }: ServerSettings,
  { db, clock, rbac }: { db: Db; clock: ServeDeps['clock']; rbac: Rbac },
): Pick<AccountsDeps, 'defaultRole' | 'admits' | 'onMember'> {
  const audit = openAudit({ db, clock })
  const credential = { kind: 'none', id: null } as const
  return {
    defaultRole,
    admits: (user) => rbac.admits(userPrincipal(user, { scopes: ALL_SCOPES, credential })),
    onMember: ({ tenantId, role, user, by, invitation }, within) => {
      const account = accountIdOf(user)
      const entry = { tenantId, actor: account, details: { role, by } }
      if (invitation !== undefined) {
        audit.record({ ...entry, action: 'invitation.accept', target: invitation }, within)
      }
      audit.record({ ...entry, action: 'member.set', target: account }, within)
    },
  }
}

/** @throws Fault `config` naming the setting when the server's rule is not valid */
async function serverRbac({ rbac }: ServerSettings): Promise<Rbac> {
  try {
    return await openRbac(rbac)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new Fault('config', `--rbac: ${error.message}`, { hint: error.hint, cause: error })
  }
}

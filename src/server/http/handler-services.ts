/** The parts of the server that handlers and guards use. */
import type { Clock } from '../../platform/clock.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { Invitations } from '../accounts/membership/invitations.ts'
import type { Members } from '../accounts/membership/members.ts'
import type { Tenants } from '../accounts/tenants-and-members.ts'
import type { DefaultRole } from '../accounts/user-types.ts'
import type { DownloadTokens } from '../accounts/download-tokens.ts'
import type { Runners } from '../accounts/runners.ts'
import type { ServiceKeys } from '../accounts/service-keys.ts'
import type { CliTokens } from '../accounts/scoped-tokens.ts'
import type { Audit } from '../audit/audit.ts'
import type { Authenticator } from '../auth/auth.ts'
import type { Issuer } from '../issuer/issuer.ts'
import type { DiskSpace } from '../disk-space.ts'
import type { ServerLog } from '../log.ts'
import type { Mcp } from '../mcp/mcp.ts'
import type { Metrics } from '../metrics.ts'
import type { Pipelines } from '../pipelines/pipelines.ts'
import type { Rbac } from '../access-rules/access-rules.ts'
import type { Runs } from '../runs/runs.ts'
import type { Schedules } from '../triggers/schedules.ts'
import type { Webhooks } from '../triggers/webhooks.ts'
import type { Vault } from '../vault/vault-interface.ts'
import type { Forwarded } from './request/client-address-behind-proxies.ts'
import type { Limits } from './guards/rate-limits.ts'
import { noOAuth } from './response/http-error.ts'

/** `../open-http-app.ts` builds them. A handler that uses few of them says so: `Pick<Services, 'vault' | 'audit'>`. */
export interface Services {
  settings: {
    /** The server's own address, as browsers use it; no trailing slash. */
    url: string
    strategy: 'open' | 'basic' | 'oauth'
    version: string
    /** Whether people can log in with an e-mail and a password (`--local-accounts`). */
    passwords: boolean
    /** What somebody from a provider becomes in the default tenant at the first login. */
    defaultRole: DefaultRole
    /** The driver of a pipeline that names none. */
    driver: string
    /** Whether anybody may read `/metrics`. */
    metricsOpen: boolean
    /** The hosts that a request may name; undefined: any. See `guardOrigin`. */
    hosts: ReadonlySet<string> | undefined
  }
  /** The tenant of callers that do not belong to one. */
  defaultTenant: { id: string; slug: string }
  authenticator: Authenticator
  /** Undefined unless the strategy is OAuth. */
  issuer: Issuer | undefined
  accounts: Accounts
  tenants: Tenants
  members: Members
  invitations: Invitations
  /** Whether a caller passes a rule; the rules of pipelines are applied in `pipelines/`. */
  rbac: Rbac
  limits: Limits
  forwarded: Forwarded
  cliTokens: CliTokens
  runners: Runners
  serviceKeys: ServiceKeys
  downloads: DownloadTokens
  /** Who did what: `record({ ...by(call), action, target })`, see `http/audit-entry-from-request.ts`. */
  audit: Audit
  pipelines: Pipelines
  vault: Vault
  /** Without `get` and `list`: which runs a caller sees is for `pipelines.runOf` and `runsOf` to say. */
  runs: Omit<Runs, 'get' | 'list'>
  mcp: Mcp
  webhooks: Webhooks
  schedules: Schedules
  disk: DiskSpace
  metrics: Metrics
  clock: Clock
  log: ServerLog
}

/** The authorization server. @throws HttpError 404 where the strategy is not OAuth */
export function requireIssuer({ issuer }: Pick<Services, 'issuer'>): Issuer {
  if (issuer === undefined) throw noOAuth()
  return issuer
}

/** The server's own host, as pages show it. */
export function hostOf({ settings }: Pick<Services, 'settings'>): string {
  return new URL(settings.url).host
}

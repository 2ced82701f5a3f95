import type { Clock } from '../../platform/clock.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { Authenticator } from '../auth/auth.ts'
import type { Issuer } from '../issuer/issuer.ts'
import type { Log } from '../log.ts'
import type { Pipelines } from '../pipelines/pipelines.ts'
import type { Runs } from '../runs/run.ts'
import type { Vault } from '../vault/vault.ts'

/** The server's parts, as the handlers see them. `serve.ts` builds them. */
export interface Services {
  settings: {
    /** The server's own address, as browsers use it; no trailing slash. */
    url: string
    strategy: 'open' | 'basic' | 'oauth'
    version: string
    /** Hosts that a request may name; undefined: any. See `guardOrigin`. */
    hosts: ReadonlySet<string> | undefined
  }
  /** The tenant of callers that belong to none. */
  defaultTenant: { id: string; slug: string }
  authenticator: Authenticator
  /** Undefined unless the strategy is OAuth. */
  issuer: Issuer | undefined
  accounts: Accounts
  pipelines: Pipelines
  vault: Vault
  runs: Runs
  clock: Clock
  log: Log
}

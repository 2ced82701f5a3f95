/**
 * Owns: the settings of the server. Joins flags, variables and the settings file, and checks them together.
 * Refuses: settings that clash or are not valid; an empty value where the value keeps strangers out; to read a secret
 * that the caller does not need.
 */
import { parseDuration } from '../../contract/parse-duration.ts'
import { Fault } from '../../contract/fault.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import type { Secret } from '../../redact/secret.ts'
import { type DriverSettings, driverSettings } from './driver-settings.ts'
import { type ListenAddress, isLoopback, parseListen } from './parse-listen-address.ts'
import { readServerSecrets } from './read-server-wide-secrets.ts'
import { gatherSettings, type SettingSources, type SettingValues } from './setting-values.ts'
import { type KeepSettings, readKeepSettings } from './retention-settings.ts'
import type { NamedAdministrator } from '../accounts/named-administrator.ts'
import type { DefaultRole } from '../accounts/user-types.ts'
import { readAdministrator, readDefaultRole } from './people-settings.ts'
import { readRunSettings, type RunSettings } from './run-settings.ts'
import { devKey } from './dev-key-file.ts'
import { chooseVault, type VaultSettings } from './vault-settings.ts'
import { chooseStrategy, type Strategy } from './choose-authentication-strategy.ts'
import type { TrustedIssuer } from '../trusted-issuers/trusted-issuer-type.ts'
import { readTrustedIssuers } from './trusted-issuer-settings.ts'

export { publicIdentityProviders } from './choose-authentication-strategy.ts'
export { readKeyFile } from './read-vault-key-file.ts'
export { SETTINGS, type SettingName } from './setting-table.ts'
export { readTrustedIssuersAlone } from './trusted-issuer-settings.ts'
export {
  changedSettings,
  gatherSettings,
  privateFiles,
  type SettingValues,
  type SettingSources,
} from './setting-values.ts'
export type { VaultSettings } from './vault-settings.ts'

export interface ServerSettings {
  listen: ListenAddress
  dataDir: string
  keep: KeepSettings
  strategy: Strategy
  vault: VaultSettings
  tasks: DriverSettings
  /** Set at start for the pipelines of all tenants. */
  secrets: ReadonlyMap<string, Secret>
  /** The rule that every caller has to pass; undefined: none. */
  rbac: string | undefined
  /** The identity providers whose JWTs are accepted; absent: none. */
  trustedIssuers?: readonly TrustedIssuer[]
  /** The person who becomes administrator at a login, while there is none. */
  administrator?: NamedAdministrator | undefined
  /** What somebody from a provider becomes in the default tenant at the first login; absent: a member. */
  defaultRole?: DefaultRole | undefined
  /** Whether anybody may read `/metrics`. */
  metricsOpen?: boolean
  /** Addresses and networks whose `X-Forwarded-For` is believed; none by default. */
  trustedProxies: readonly string[]
  runs: RunSettings
  /** How long native tasks continue without a server; absent: 10 minutes. */
  tasksWaitMs?: number | undefined
}

const MAX_TASKS_WAIT_MS = 7 * 24 * 60 * 60 * 1000

/**
 * The settings of a server, checked together.
 * @throws Fault `config` naming the settings that are missing, clash, are malformed, or are
 * empty where a value is what keeps strangers out.
 */
export function readSettings(sources: SettingSources): ServerSettings {
  const values = gatherSettings(sources)
  const listen = parseListen(values.listen ?? '127.0.0.1:8080')
  const strategy = chooseStrategy(values)
  if (strategy.kind === 'open' && !isLoopback(listen.hostname) && values['open-to-network'] !== 'true') {
    // An open server makes everyone an administrator: beyond loopback only when told so in as many words.
    throw new Fault(
      'config',
      `without authentication, fob listens on loopback only, not on ${listen.hostname}`,
      {
        hint: 'set --basic-auth-username and --basic-auth-password, or --local-accounts, or --open-to-network',
      },
    )
  }
  refuseRuleWithoutOauth(values.rbac, strategy)
  if (values['membership-max-age'] !== undefined && strategy.kind !== 'oauth') {
    throw new Fault('config', '--membership-max-age needs OAuth', {
      hint: 'it is about logins with an identity provider: leave it out',
    })
  }
  return {
    listen,
    strategy,
    dataDir: dataDirOf(values),
    keep: readKeepSettings(values),
    vault:
      values.dev === 'true'
        ? chooseDevVault(values, { listen, strategy, env: sources.env })
        : chooseVault(values, sources.env),
    tasks: driverSettings(values, sources.env),
    secrets: readServerSecrets(values, sources.secrets),
    rbac: values.rbac,
    trustedIssuers: readTrustedIssuers(sources, values, strategy),
    metricsOpen: values['metrics-open'] === 'true',
    administrator: readAdministrator(values.admin, strategy),
    defaultRole: readDefaultRole(values['default-role'], strategy),
    trustedProxies: (values['trusted-proxy'] ?? '').split(/[\s,]+/).filter((entry) => entry !== ''),
    runs: readRunSettings(values),
    tasksWaitMs: readTasksWait(values['tasks-wait']),
  }
}

/** @throws Fault `config` for another form, or a longer time than a task may take */
function readTasksWait(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const waitMs = parseDuration(text, ['s', 'm', 'h'])
  if (waitMs !== undefined && waitMs <= MAX_TASKS_WAIT_MS) return waitMs
  throw new Fault('config', `--tasks-wait takes a time such as 90s, 10m or 2h, at most 7 days, not ${text}`)
}

/**
 * A server to try fob with. What makes it easy to start would be a hole elsewhere, so it stays on this machine.
 * @throws Fault `config` beside authentication, and beyond loopback
 */
function chooseDevVault(
  values: SettingValues,
  { listen, strategy, env }: { listen: ListenAddress; strategy: Strategy; env: Env },
): VaultSettings {
  if (strategy.kind !== 'open') {
    throw new Fault('config', '--dev is a server without authentication', {
      hint: 'leave --dev out; "fob server init" sets up a server with accounts',
    })
  }
  if (!isLoopback(listen.hostname)) {
    throw new Fault('config', `--dev listens on loopback only, not on ${listen.hostname}`)
  }
  const chosen = chooseVault(values, env)
  if (chosen.unlock !== undefined || !chosen.store.lasting) return chosen
  return { ...chosen, unlock: { kind: 'key file', key: devKey(dataDirOf(values)) } }
}

/** The part that is about secrets alone: what `fob server rotate-passphrase` needs. */
export function readVaultSettings(sources: SettingSources): VaultSettings & { dataDir: string } {
  const values = gatherSettings(sources)
  return { dataDir: dataDirOf(values), ...chooseVault(values, sources.env) }
}

/** The data folder alone: what administering a server needs. Nothing else is read, no secret either. */
export function readDataDir(sources: SettingSources): string {
  return dataDirOf(gatherSettings(sources, ['data']))
}

/** The data folder, and the database of the secrets where they have one of their own. */
export function readDataPlaces(sources: SettingSources): {
  dataDir: string
  secretsPath: string | undefined
} {
  const values = gatherSettings(sources, ['data', 'secrets-sqlite-path'])
  const path = values['secrets-sqlite-path']
  return { dataDir: dataDirOf(values), secretsPath: path === ':memory:' ? undefined : path }
}

function dataDirOf(values: SettingValues): string {
  return values.data ?? './fob-data'
}

/** A rule needs to know who is calling, which only OAuth can tell. */
function refuseRuleWithoutOauth(rule: string | undefined, { kind }: Strategy): void {
  if (rule === undefined || kind === 'oauth') return
  const clash =
    kind === 'basic' ? '--rbac and --basic-auth-username cannot both be set' : '--rbac needs OAuth'
  throw new Fault('config', clash, { hint: 'rules work with an OAuth provider or --local-accounts' })
}

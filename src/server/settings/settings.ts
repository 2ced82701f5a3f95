import { readFileSync } from 'node:fs'
import { Fault } from '../../contract/fault.ts'
import { Secret } from '../../redact/secret.ts'
import { parseDotenv } from '../../platform/files/dotenv.ts'
import { whyUnreadable } from '../../platform/files/file-errors.ts'
import { type DriverSettings, driverSettings } from './driver-settings.ts'
import { gatherSettings, readSecretFile, type SettingSources, type SettingValues } from './setting-values.ts'
import { type KeepSettings, readKeepSettings } from './retention-settings.ts'
import type { BackendChoice, Unlock } from '../vault/backend.ts'
import { readRunSettings, type RunSettings } from './run-settings.ts'
import { chooseBackend } from '../vault/backend-registry.ts'
import { chooseStrategy, type Strategy } from './authentication-strategy.ts'

export interface ServerSettings {
  listen: { hostname: string; port: number }
  dataDir: string
  keep: KeepSettings
  strategy: Strategy
  vault: VaultSettings
  tasks: DriverSettings
  /** Set at start for the pipelines of all tenants (S69). */
  secrets: ReadonlyMap<string, Secret>
  /** The rule that every caller has to pass; undefined: none. */
  rbac: string | undefined
  /** Addresses and networks whose `X-Forwarded-For` is believed; none by default. */
  trustedProxies: readonly string[]
  runs: RunSettings
  /** How long native tasks go on without a server; absent: 10 minutes. */
  tasksWaitMs?: number | undefined
}

/** Where secrets are kept, and what opens them; without that, nothing can be stored. */
export interface VaultSettings {
  store: BackendChoice
  unlock: Unlock | undefined
}

/**
 * The settings of a server, checked together.
 * @throws Fault `config` naming the settings that are missing, clash (S2, S9, S17, S21), are malformed, or are
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
  return {
    listen,
    strategy,
    dataDir: dataDirOf(values),
    keep: readKeepSettings(values),
    vault: vaultSettings(values),
    tasks: driverSettings(values, sources.env),
    secrets: readServerSecrets(values, sources.secrets),
    rbac: values.rbac,
    trustedProxies: (values['trusted-proxy'] ?? '').split(/[\s,]+/).filter((entry) => entry !== ''),
    runs: readRunSettings(values),
    tasksWaitMs: parseWait(values['tasks-wait']),
  }
}

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000 }
const MAX_WAIT_MS = 7 * 24 * 60 * 60 * 1000

/** @throws Fault `config` for what is no time, or a longer one than a task may take. */
function parseWait(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, count, unit] = /^(\d+)([smh])$/.exec(text) ?? []
  const waitMs = Number(count) * (UNITS_MS[unit as keyof typeof UNITS_MS] ?? NaN)
  if (waitMs <= MAX_WAIT_MS) return waitMs
  throw new Fault('config', `--tasks-wait is a time such as 90s, 10m or 2h, at most 7 days, not ${text}`)
}

/** The part that is about secrets alone: what `fob server rotate-passphrase` needs. */
export function readVaultSettings(sources: SettingSources): VaultSettings & { dataDir: string } {
  const values = gatherSettings(sources)
  return { dataDir: dataDirOf(values), ...vaultSettings(values) }
}

/** The data folder alone: what administering a server needs. Nothing else is read, no secret either. */
export function readDataDir(sources: SettingSources): string {
  return dataDirOf(gatherSettings(sources, ['data']))
}

function dataDirOf(values: SettingValues): string {
  return values.data ?? './fob-data'
}

function vaultSettings(values: SettingValues): VaultSettings {
  const store = chooseBackend(values)
  const path = values['secrets-key-file']
  if (path === undefined) {
    const { passphrase } = store
    return { store, unlock: passphrase === undefined ? undefined : { kind: 'passphrase', passphrase } }
  }
  if (store.passphrase !== undefined) {
    throw new Fault('config', `--secrets-key-file and ${store.passphraseFlag} are both set`, {
      hint: 'keep one of the two',
    })
  }
  return { store, unlock: { kind: 'key file', key: readKeyFile(path) } }
}

/**
 * 32 bytes, or their hex or base64.
 * @throws Fault `config`
 */
export function readKeyFile(path: string): Secret {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new Fault('config', `cannot read the key file ${path}: ${whyUnreadable(error)}`, { cause: error })
  }
  const text = bytes.toString('latin1').trim()
  if (/^[0-9a-f]{64}$/i.test(text)) return new Secret(Buffer.from(text, 'hex'))
  if (/^[A-Za-z0-9+/]{43}=$/.test(text)) return new Secret(Buffer.from(text, 'base64'))
  if (bytes.length === 32) return new Secret(bytes)
  throw new Fault('config', `the key file ${path} does not hold 32 bytes`, {
    hint: `make one: openssl rand -hex 32 > ${path}`,
  })
}

/** @throws Fault `config` naming the key, never the value */
function readServerSecrets(
  values: SettingValues,
  given: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, Secret> {
  const path = values['secret-file']
  const secrets = new Map(path === undefined ? [] : readSecretsFile(path))
  for (const [key, value] of given) secrets.set(key, value)
  return new Map([...secrets].map(([key, value]) => [key, new Secret(value)]))
}

function readSecretsFile(path: string): Map<string, string> {
  const parsed = parseDotenv(readSecretFile('secret', path))
  if (parsed.ok) return parsed.values
  throw new Fault('config', `${path}:${parsed.line}: ${parsed.problem}`, {
    hint: 'a value of more than one line stands in quotes',
  })
}

/** S9: a rule needs to know who is calling, which only OAuth can tell. */
function refuseRuleWithoutOauth(rule: string | undefined, { kind }: Strategy): void {
  if (rule === undefined || kind === 'oauth') return
  const clash =
    kind === 'basic' ? '--rbac and --basic-auth-username cannot both be set' : '--rbac needs OAuth'
  throw new Fault('config', clash, { hint: 'rules work with an OAuth provider or --local-accounts' })
}

function parseListen(text: string): ServerSettings['listen'] {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s]*)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new Fault('config', `--listen takes HOST:PORT, not "${text}"`, {
      hint: 'for example 127.0.0.1:8080',
    })
  }
  return { hostname: match[1] ?? (match[2] || '0.0.0.0'), port }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}

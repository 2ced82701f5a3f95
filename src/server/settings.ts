import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import type { Env } from '../platform/process.ts'
import { Secret } from '../redact/secret.ts'
import { parseDotenv } from '../platform/dotenv.ts'
import type { BackendChoice, Unlock } from './vault/backend.ts'
import { chooseBackend } from './vault/registry.ts'
import { SETTING_NAMES, SETTINGS, type SettingName, variableName } from './setting-names.ts'
import { chooseStrategy, type Strategy } from './strategy.ts'

export interface ServerSettings {
  listen: { hostname: string; port: number }
  dataDir: string
  strategy: Strategy
  vault: VaultSettings
  /** Set at start for the pipelines of all tenants (S69). */
  secrets: ReadonlyMap<string, Secret>
}

/** Where secrets are kept, and what opens them; without that, nothing can be stored. */
export interface VaultSettings {
  store: BackendChoice
  unlock: Unlock | undefined
}

/** What the three places say. */
export interface SettingSources {
  /** By flag name; `x-file` for a secret's file. A switch that is given is `'true'`. */
  flags: Readonly<Record<string, string | undefined>>
  env: Env
  /** The parsed settings file; nested tables join with "-": `[oauth] session_secret`. */
  file: unknown
  /** `--secret KEY=VALUE`, which is no setting: it says what to do, not how to be. */
  secrets?: ReadonlyMap<string, string>
}

export type SettingValues = Partial<Record<SettingName, string>>

/**
 * Flags, then `FOB_…`, then `CI_…`, then the file; a secret also from `--x-file PATH`, `FOB_X_FILE`, `x_file`.
 * @throws Fault `config` naming the settings that are missing, clash (S2, S9, S17, S21) or are malformed.
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
  return {
    listen,
    strategy,
    dataDir: dataDirOf(values),
    vault: vaultSettings(values),
    secrets: readServerSecrets(values, sources.secrets),
  }
}

/** The part that is about secrets alone: what `fob server rotate-passphrase` needs. */
export function readVaultSettings(sources: SettingSources): VaultSettings & { dataDir: string } {
  const values = gatherSettings(sources)
  return { dataDir: dataDirOf(values), ...vaultSettings(values) }
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
    throw new Fault('config', `cannot read the key file ${path}`, { cause: error })
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

/** The winning value of each setting; an empty one counts as not set. */
function gatherSettings({ flags, env, file }: SettingSources): SettingValues {
  const fromFile = flatten(file)
  const lookUp = (name: string) =>
    [flags[name], env[`FOB_${variableName(name)}`], env[`CI_${variableName(name)}`], fromFile.get(name)].find(
      (value) => value !== undefined && value !== '',
    )
  const values: SettingValues = {}
  for (const name of SETTING_NAMES) {
    const path = SETTINGS[name]?.secret === true ? lookUp(`${name}-file`) : undefined
    const value = lookUp(name)
    if (path !== undefined && value !== undefined) {
      throw new Fault('config', `--${name} and --${name}-file are both set`, { hint: 'keep one of the two' })
    }
    const chosen = path === undefined ? value : readSecretFile(name, path)
    if (chosen !== undefined) values[name] = chosen
  }
  return values
}

function readSecretFile(name: string, path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new Fault('config', `cannot read ${path} (--${name}-file)`, { cause: error })
  }
  if (text === '') throw new Fault('config', `${path} (--${name}-file) is empty`)
  return text
}

const fileTable = v.record(v.string(), v.unknown())

/** `[oauth] session_secret = "x"` → `oauth-session-secret` → "x". */
function flatten(file: unknown): Map<string, string> {
  const out = new Map<string, string>()
  const walk = (table: unknown, prefix: string) => {
    for (const [key, value] of Object.entries(v.parse(fileTable, table))) {
      const name = `${prefix}${key.replaceAll('_', '-')}`
      if (typeof value === 'object' && value !== null) walk(value, `${name}-`)
      else out.set(name, String(value))
    }
  }
  if (file !== undefined) walk(file, '')
  const known = new Set<string>(SETTING_NAMES.flatMap((name) => [name, `${name}-file`]))
  const unknown = [...out.keys()].find((name) => !known.has(name))
  if (unknown !== undefined) throw new Fault('config', `the settings file has an unknown key "${unknown}"`)
  return out
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

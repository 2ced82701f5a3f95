/** The settings of identity providers whose JWTs are accepted: one by flags, a list in the settings file. */
import { Fault } from '../../contract/fault.ts'
import { ALL_SCOPES, isScope, type Scope } from '../../contract/token-scopes.ts'
import { isLoopbackHost } from '../../platform/network/is-loopback-host.ts'
import { narrowed } from '../access-rules/principal.ts'
import { isPresetName, PRESETS, type PresetName, presetOfIssuer } from '../trusted-issuers/presets.ts'
import type { TrustedIssuer } from '../trusted-issuers/trusted-issuer-type.ts'
import type { Strategy } from './choose-authentication-strategy.ts'
import { parseAge } from './parse-ages-and-sizes.ts'
import { SETTING_NAMES } from './setting-table.ts'
import { gatherSettings, type SettingSources, type SettingValues } from './setting-values.ts'
import { readConditions } from './trusted-issuer-conditions.ts'
import { entriesOf, type Entry, type Key, listOf } from './trusted-issuer-entries.ts'

const MAX_ISSUERS = 100
const DEFAULT_LIFETIME = '24h'
const LIFETIMES = { leastMs: 60_000, mostMs: 366 * 86_400_000 }
const DEFAULT_SCOPES: readonly Scope[] = ['runs:trigger']
const ROLES = ['viewer', 'member', 'admin'] as const

/**
 * @throws Fault `config` naming the setting: for a value that is not valid, an issuer whose tokens anybody in the world
 *   can get without a condition that tells them apart, and for a server without OAuth
 */
export function readTrustedIssuers(
  sources: Pick<SettingSources, 'file'>,
  values: SettingValues,
  strategy: Strategy,
): TrustedIssuer[] {
  const entries = entriesOf(sources, values)
  const [first] = entries
  if (first === undefined) return []
  if (strategy.kind !== 'oauth') {
    throw new Fault('config', `${first.called('issuer')} needs OAuth`, {
      hint: 'set --local-accounts or the client of a provider, with --oauth-callback-url and --oauth-session-secret',
    })
  }
  if (entries.length > MAX_ISSUERS)
    throw new Fault('config', `there are at most ${MAX_ISSUERS} trusted issuers`)
  const issuers = entries.map((entry) => readEntry(entry, strategy.callbackUrl))
  for (const { issuer, keysUrl } of issuers) {
    if (issuers.every((other) => other.issuer !== issuer || other.keysUrl === keysUrl)) continue
    throw new Fault('config', `the entries of the trusted issuer ${issuer} name different keys_url`, {
      hint: 'an issuer has its keys in one place: name it in each of its entries, or in none',
    })
  }
  requireDistinctCallers(issuers)
  return issuers
}

/**
 * `workload:NAME:SUB` names a program, and a `sub` can have colons: with the issuers a.example and a.example:8443, a
 * `sub` of the first that starts with 8443: would be a program of the second.
 */
function requireDistinctCallers(issuers: readonly TrustedIssuer[]): void {
  for (const { name, issuer } of issuers) {
    const like = issuers.find(
      (other) => other.issuer !== issuer && (other.name === name || other.name.startsWith(`${name}:`)),
    )
    if (like === undefined) continue
    throw new Fault(
      'config',
      `programs of the trusted issuers ${issuer} and ${like.issuer} cannot be told apart`,
      {
        hint: 'their names in runs and in the audit log start alike: trust one of the two, or give one another host',
      },
    )
  }
}

/**
 * The part that is about trusted issuers alone, whatever else the settings say: what `fob server check` needs.
 * @throws Fault `config` as above
 */
export function readTrustedIssuersAlone(sources: SettingSources): TrustedIssuer[] {
  const names = SETTING_NAMES.filter(
    (name) => name.startsWith('trusted-issuer') || name === 'oauth-callback-url',
  )
  const values = gatherSettings(sources, names)
  const serverUrl = values['oauth-callback-url'] ?? ''
  return entriesOf(sources, values).map((entry) => readEntry(entry, serverUrl))
}

function readEntry(entry: Entry, serverUrl: string): TrustedIssuer {
  const { values } = entry
  const preset = readPreset(entry)
  const issuer = readIssuer(entry, preset, serverUrl)
  const { role, scopes } = readRights(entry)
  const keysUrl = values['keys-url']
  return {
    name:
      preset !== undefined && issuer === PRESETS[preset].url ? preset : issuer.replace(/^https?:\/\//, ''),
    issuer,
    keysUrl: keysUrl === undefined ? undefined : checkedUrl(entry, 'keys-url', keysUrl),
    audience: values.audience ?? serverUrl,
    conditions: readConditions(entry, preset),
    tenant: values.tenant ?? 'default',
    role,
    scopes,
    pipelines: values.pipelines === undefined ? null : listOf(values.pipelines),
    maxLifetimeSeconds: readLifetime(entry) / 1000,
  }
}

function readPreset({ values, called }: Entry): PresetName | undefined {
  const { preset, issuer } = values
  if (preset === undefined) return issuer === undefined ? undefined : presetOfIssuer(issuer)
  if (issuer !== undefined) {
    throw new Fault('config', `${called('issuer')} and ${called('preset')} cannot both be set`, {
      hint: 'a preset knows its issuer; url names an instance of your own',
    })
  }
  if (isPresetName(preset)) return preset
  throw new Fault('config', `${called('preset')} takes ${Object.keys(PRESETS).join(' or ')}, not ${preset}`)
}

/** As it is written: an issuer is compared character by character, a slash at its end included. */
function readIssuer(entry: Entry, preset: PresetName | undefined, serverUrl: string): string {
  const { values, called } = entry
  const { issuer, url } = values
  if (preset !== undefined) {
    return url === undefined ? PRESETS[preset].url : checkedUrl(entry, 'url', url).replace(/\/+$/, '')
  }
  if (issuer === undefined)
    throw new Fault('config', `${called('issuer')} is missing`, {
      hint: 'set issuer to the URL of an identity provider, or preset to github or gitlab',
    })
  if (url !== undefined) {
    throw new Fault('config', `${called('url')} is for github and gitlab`, {
      hint: `the issuer itself is ${called('issuer')}`,
    })
  }
  if (URL.parse(issuer)?.origin === serverUrl) {
    throw new Fault('config', `${called('issuer')} is this server itself, whose tokens need no setting`)
  }
  return checkedUrl(entry, 'issuer', issuer)
}

/** https, since whoever answers there decides who comes in; http on loopback. */
function checkedUrl({ called }: Entry, key: Key, text: string): string {
  const url = URL.parse(text)
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname))
  if (url && safe && url.username === '' && url.password === '' && url.search === '' && url.hash === '') {
    return text
  }
  const words = key === 'issuer' ? 'github, gitlab or an https address' : 'an https address'
  throw new Fault('config', `${called(key)} takes ${words}, or http on loopback, not ${text}`, {
    hint: 'for example https://login.example.com',
  })
}

function readRights({ values, called }: Entry): Pick<TrustedIssuer, 'role' | 'scopes'> {
  if (values.role !== undefined && values.scopes !== undefined) {
    throw new Fault('config', `${called('role')} and ${called('scopes')} cannot both be set`, {
      hint: 'a role has all scopes that it may have; keep one of the two',
    })
  }
  if (values.role === undefined)
    return { role: 'member', scopes: readScopes(called('scopes'), values.scopes) }
  const role = ROLES.find((known) => known === values.role)
  if (role === undefined) {
    throw new Fault('config', `${called('role')} takes ${ROLES.join(', ')}, not ${values.role}`)
  }
  return { role, scopes: [...narrowed(ALL_SCOPES, role)] }
}

function readScopes(called: string, text: string | undefined): readonly Scope[] {
  if (text === undefined) return DEFAULT_SCOPES
  const names = listOf(text)
  const unknown = names.find((name) => !isScope(name))
  const scopes = names.filter(isScope)
  if (unknown === undefined && scopes.length > 0) return scopes
  throw new Fault('config', `${called} takes scopes, not ${unknown ?? 'nothing'}`, {
    hint: `there are ${ALL_SCOPES.join(', ')}`,
  })
}

function readLifetime({ values, called }: Entry): number {
  const text = values['max-lifetime'] ?? DEFAULT_LIFETIME
  const ms = parseAge(text)
  if (ms !== undefined && ms >= LIFETIMES.leastMs && ms <= LIFETIMES.mostMs) return ms
  throw new Fault(
    'config',
    `${called('max-lifetime')} takes a time from 1m to 366d, such as 15m, not ${text}`,
  )
}

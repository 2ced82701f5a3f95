/** The settings of identity providers whose JWTs are accepted: one by flags, a list in the settings file. */
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import { nearest } from '../../contract/nearest-word.ts'
import { ALL_SCOPES, isScope, type Scope } from '../../contract/token-scopes.ts'
import { isLoopbackHost } from '../../platform/network/is-loopback-host.ts'
import { narrowed } from '../access-rules/principal.ts'
import {
  isPresetName,
  isPublicIssuer,
  PRESETS,
  type PresetName,
  presetOfIssuer,
} from '../trusted-issuers/presets.ts'
import type { Condition, TrustedIssuer } from '../trusted-issuers/trusted-issuer-type.ts'
import type { Strategy } from './choose-authentication-strategy.ts'
import { parseAge } from './parse-ages-and-sizes.ts'
import { SETTING_NAMES } from './setting-table.ts'
import {
  gatherSettings,
  type SettingSources,
  type SettingValues,
  trustedIssuerTables,
} from './setting-values.ts'

/** The keys of an entry. The flag of each is `--trusted-issuer-KEY`; that of `issuer` and `preset`, `--trusted-issuer`. */
const KEYS = [
  'issuer',
  'preset',
  'url',
  'keys-url',
  'audience',
  'repositories',
  'rule',
  'tenant',
  'role',
  'scopes',
  'pipelines',
  'max-lifetime',
] as const
type Key = (typeof KEYS)[number]

/** One entry as text, from flags or from the file. */
interface Entry {
  values: Partial<Record<Key, string>>
  /** How messages name a key of it. */
  called(key: Key): string
}

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

function entriesOf(sources: Pick<SettingSources, 'file'>, values: SettingValues): Entry[] {
  return [...entryOfFlags(values), ...trustedIssuerTables(sources).map(entryOfTable)]
}

function entryOfFlags(values: SettingValues): Entry[] {
  const called = (key: Key) =>
    key === 'issuer' || key === 'preset' ? '--trusted-issuer' : `--trusted-issuer-${key}`
  const flags = { ...values } as Readonly<Record<string, string | undefined>>
  const given: Entry['values'] = {}
  for (const key of KEYS.slice(2)) {
    const value = flags[`trusted-issuer-${key}`]
    if (value !== undefined) given[key] = value
  }
  const issuer = values['trusted-issuer']
  if (issuer !== undefined) {
    return [{ values: { ...given, [isPresetName(issuer) ? 'preset' : 'issuer']: issuer }, called }]
  }
  const [orphan] = Object.keys(given) as Key[]
  if (orphan === undefined) return []
  throw new Fault('config', `${called(orphan)} is set, but --trusted-issuer is not`, {
    hint: 'set --trusted-issuer to github, gitlab or the URL of an issuer',
  })
}

const text = v.union([
  v.string(),
  v.pipe(
    v.array(v.string()),
    v.transform((list) => list.join(',')),
  ),
])

/** @throws Fault `config` for an unknown key, and for a value that is neither a text nor a list of texts */
function entryOfTable(table: unknown, index: number): Entry {
  const place = `trusted_issuers[${index}]`
  const called = (key: Key) => `${place}.${key.replaceAll('-', '_')}`
  const given: Entry['values'] = {}
  for (const [written, value] of Object.entries(
    v.parse(v.fallback(v.record(v.string(), v.unknown()), {}), table),
  )) {
    const name = written.replaceAll('_', '-')
    const key = KEYS.find((known) => known === name)
    if (key === undefined) {
      const meant = nearest(name, KEYS)
      throw new Fault('config', `${place} has an unknown key "${written}"`, {
        hint:
          meant === undefined
            ? `it can have ${KEYS.map((known) => known.replaceAll('-', '_')).join(', ')}`
            : `did you mean ${meant.replaceAll('-', '_')}?`,
      })
    }
    const parsed = v.safeParse(text, value)
    if (!parsed.success || parsed.output === '') {
      throw new Fault('config', `${called(key)} takes a text or a list of texts, and not an empty one`)
    }
    given[key] = parsed.output
  }
  return { values: given, called }
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

function readConditions(entry: Entry, preset: PresetName | undefined): Condition[] {
  const { rule, repositories } = entry.values
  const conditions: Condition[] = rule === undefined ? [] : [{ kind: 'rule', rule }]
  if (preset === undefined) {
    requireRuleOfPublicIssuer(entry)
    if (repositories === undefined) return conditions
    throw new Fault('config', `${entry.called('repositories')} is for github and gitlab`, {
      hint: 'for another issuer, write a rule: claims.sub == "…"',
    })
  }
  if (repositories !== undefined) {
    const patterns = listOf(repositories)
    requireOwners(entry, patterns)
    return [{ kind: 'claim', claim: PRESETS[preset].repositoryClaim, patterns }, ...conditions]
  }
  requireOwnerInRule(entry, preset, rule)
  return conditions
}

/** Default deny for issuers that all customers of a service have in common. */
function requireRuleOfPublicIssuer({ values, called }: Entry): void {
  const { issuer = '', rule } = values
  if (rule !== undefined || !isPublicIssuer(issuer)) return
  throw new Fault(
    'config',
    `${called('issuer')} needs a rule: anybody in the world can get a token of ${issuer}`,
    {
      hint: `ask in ${called('rule')} for a claim that tells yours from others, such as claims.sub == "…"`,
    },
  )
}

/** A pattern says who the owner is: a star in the first part would be anybody. */
function requireOwners({ called }: Entry, patterns: readonly string[]): void {
  const bad = patterns.find((pattern) => !/^[^*/]+\/./.test(pattern))
  if (bad === undefined && patterns.length > 0) return
  throw new Fault(
    'config',
    `${called('repositories')} takes names such as my-org/app or my-org/*, not ${bad ?? 'none'}`,
  )
}

/** Default deny: any repository in the world can have a token of GitHub or GitLab for any audience. */
function requireOwnerInRule({ called }: Entry, preset: PresetName, rule: string | undefined): void {
  const { label, ownerClaims, repositoryClaim } = PRESETS[preset]
  const asked = ownerClaims.some((claim) =>
    new RegExp(`\\bclaims\\s*(?:\\.\\s*|\\[\\s*["'])${claim}\\b`).test(rule ?? ''),
  )
  if (asked) return
  const what =
    rule === undefined
      ? `${called('issuer')} needs a condition`
      : `${called('rule')} does not say whose jobs it lets in`
  throw new Fault('config', `${what}: any repository in the world can get a token of ${label}`, {
    hint: `set ${called('repositories')} to my-org/*, or ask for claims.${repositoryClaim} in ${called('rule')}`,
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

function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((entry) => entry !== '')
}

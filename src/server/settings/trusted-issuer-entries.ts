/** The entries of trusted issuers as they are written: by flags, and as tables of the settings file. */
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import { nearest } from '../../contract/nearest-word.ts'
import { isPresetName } from '../trusted-issuers/presets.ts'
import { type SettingSources, type SettingValues, trustedIssuerTables } from './setting-values.ts'

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
export type Key = (typeof KEYS)[number]

/** One entry as text, from flags or from the file. */
export interface Entry {
  values: Partial<Record<Key, string>>
  /** How messages name a key of it. */
  called(key: Key): string
}

/** All entries, those of flags first. @throws Fault `config` for a key that is not known, and a flag without its issuer */
export function entriesOf(sources: Pick<SettingSources, 'file'>, values: SettingValues): Entry[] {
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

/** The names of a list, by commas or white space. */
export function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((entry) => entry !== '')
}

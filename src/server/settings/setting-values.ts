/** The value of each setting, from flags, variables and the settings file. */
import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { Fault } from '../../contract/fault.ts'
import { nearest } from '../../contract/nearest-word.ts'
import { whyUnreadable } from '../../platform/files/describe-file-errors.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { readSwitch, SWITCH_HINT } from '../../platform/parse-boolean-words.ts'
import { SETTING_NAMES, SETTINGS, type SettingName, variableName } from './setting-table.ts'

/** What the three places say. */
export interface SettingSources {
  /** By flag name; `x-file` for a secret's file. A switch that is given is `'true'`. */
  flags: Readonly<Record<string, string | undefined>>
  env: Env
  /** The parsed settings file; nested tables join with "-": `[oauth] session_secret`. */
  file: unknown
  /** Where that file is. */
  filePath?: string | undefined
  /** `--secret KEY=VALUE`, which is not a setting: it says what to do once, not how the server is set up. */
  secrets?: ReadonlyMap<string, string>
}

/** A switch is `'true'` or `'false'`. */
export type SettingValues = Partial<Record<SettingName, string>>

/**
 * The winning value of each setting: flags, then `FOB_…`, then `CI_…`, then the file; a secret also from
 * `--x-file PATH`, `FOB_X_FILE`, `x_file`.
 * @param names those that are asked for; nothing is read for any other
 * @throws Fault `config` naming the setting
 */
export function gatherSettings(sources: SettingSources, names = SETTING_NAMES): SettingValues {
  const lookUp = finder(sources)
  const values: SettingValues = {}
  for (const name of names) {
    const path = isSecret(name) ? lookUp(`${name}-file`, name) : undefined
    const value = lookUp(name, name)
    if (path !== undefined && value !== undefined) {
      throw new Fault('config', `--${name} and --${name}-file are both set`, { hint: 'keep one of the two' })
    }
    const chosen = path === undefined ? value : readSecretFile(name, path)
    if (chosen !== undefined) values[name] = isSwitch(name) ? requireSwitch(name, chosen) : chosen
  }
  return values
}

/** The names of settings whose values are others now. */
export function changedSettings(before: SettingValues, now: SettingValues): SettingName[] {
  return SETTING_NAMES.filter((name) => before[name] !== now[name])
}

/**
 * The files that hold secrets, of those that these settings come from or name.
 * @throws Fault `config` as above
 */
export function privateFiles(sources: SettingSources): string[] {
  const lookUp = finder(sources)
  const named = SETTING_NAMES.map((name) => {
    if (isSecret(name)) return lookUp(`${name}-file`, name)
    return SETTINGS[name]?.private === true ? lookUp(name, name) : undefined
  })
  const inside = flatten(sources.file, sources.filePath)
  const own = SETTING_NAMES.some((name) => isSecret(name) && inside.has(name)) ? [sources.filePath] : []
  return [...own, ...named].filter((path) => path !== undefined)
}

function isSecret(name: SettingName): boolean {
  return SETTINGS[name]?.secret === true
}

/** Finds what was given by a name: that of a setting, or with `-file` that of a secret's file. */
function finder({ flags, env, file, filePath }: SettingSources) {
  const fromFile = flatten(file, filePath)
  return (name: string, setting: SettingName): string | undefined => {
    const isPath = name !== setting || SETTINGS[setting]?.path === true
    const written = fromFile.get(name)
    const places = [
      [`--${name}`, flags[name]],
      [`FOB_${variableName(name)}`, env[`FOB_${variableName(name)}`]],
      [`CI_${variableName(name)}`, env[`CI_${variableName(name)}`]],
      ['the settings file', isPath && written !== undefined ? besideFile(written, filePath) : written],
    ] as const
    for (const [place, value] of places) {
      if (value === '' && mustHaveValue(setting)) throw emptySetting(name, place)
      if (value !== undefined && value !== '') return value
    }
    return undefined
  }
}

/** A file says where things are from where it is itself: a server can be started in any folder. */
function besideFile(path: string, filePath: string | undefined): string {
  // The last is SQLite's name for a database that is nowhere.
  if (filePath === undefined || path === '' || isAbsolute(path) || path === ':memory:') return path
  return join(dirname(filePath), path)
}

/**
 * Whether an empty one is a mistake. A variable that a compose file sets from one that is missing is empty:
 * if it counted as not set, the server would start without the authentication, or the rule, that was meant.
 */
function mustHaveValue(name: SettingName): boolean {
  return (
    isSecret(name) ||
    isSwitch(name) ||
    name === 'rbac' ||
    name.startsWith('basic-auth-') ||
    name.startsWith('trusted-issuer') ||
    name.startsWith('oauth-')
  )
}

function emptySetting(name: string, place: string): Fault {
  const where = place === `--${name}` ? '' : ` in ${place}`
  return new Fault('config', `--${name} is set, but empty${where}`, {
    hint: 'give it a value, or do not set it',
  })
}

function isSwitch(name: SettingName): boolean {
  return SETTINGS[name]?.value === undefined
}

/** @throws Fault `config` naming the setting */
function requireSwitch(name: SettingName, text: string): 'true' | 'false' {
  const on = readSwitch(text)
  if (on !== undefined) return on ? 'true' : 'false'
  throw new Fault('config', `--${name} takes true or false, not "${text}"`, { hint: SWITCH_HINT })
}

export function readSecretFile(name: string, path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new Fault('config', `cannot read ${path} (--${name}-file): ${whyUnreadable(error)}`, {
      cause: error,
    })
  }
  if (text === '') throw new Fault('config', `${path} (--${name}-file) is empty`)
  return text
}

/** The one setting that is a list of tables. Only a file can have it, and `trusted-issuer-settings.ts` reads it. */
const TRUSTED_ISSUERS = 'trusted-issuers'

/** The entries of `[[trusted_issuers]]` of the settings file, as they are. */
export function trustedIssuerTables({ file }: Pick<SettingSources, 'file'>): readonly unknown[] {
  if (typeof file !== 'object' || file === null) return []
  const found = Object.entries(file).find(([key]) => key.replaceAll('_', '-') === TRUSTED_ISSUERS)?.[1]
  return Array.isArray(found) ? (found as unknown[]) : []
}

/** `[oauth] session_secret = "x"` → `oauth-session-secret` → "x". */
function flatten(file: unknown, filePath: string | undefined): Map<string, string> {
  const out = new Map<string, string>()
  const walk = (table: object, prefix: string) => {
    for (const [key, value] of Object.entries(table) as [string, unknown][]) {
      const name = `${prefix}${key.replaceAll('_', '-')}`
      if (name === TRUSTED_ISSUERS && Array.isArray(value)) continue
      if (typeof value === 'object' && value !== null) walk(value, `${name}-`)
      else out.set(name, String(value))
    }
  }
  if (typeof file === 'object' && file !== null) walk(file, '')
  const known = new Set<string>(SETTING_NAMES.flatMap((name) => [name, `${name}-file`]))
  const unknown = [...out.keys()].find((name) => !known.has(name))
  if (unknown !== undefined) throw unknownKey(unknown, known, filePath)
  return out
}

/** In the words of the file: `[oauth] session_secret` is `oauth.session_secret`, in whatever tables it was written. */
function unknownKey(name: string, known: Iterable<string>, filePath: string | undefined): Fault {
  const meant = nearest(name, known)
  const where = filePath ?? 'the settings file'
  return new Fault('config', `${where} has an unknown key "${name}"`, {
    hint:
      meant === undefined
        ? 'fob server --help lists all settings; in a file "-" is "_", and a table joins with its keys'
        : `did you mean ${meant.replaceAll('-', '_')}?`,
  })
}

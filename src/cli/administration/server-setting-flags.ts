/** The settings of the server as flags, and where their values come from: flags, the environment, a TOML file. */
import { Fault } from '../../contract/fault.ts'
import { SETTINGS, type SettingName, type SettingSources } from '../../server/settings/settings.ts'
import type { Flag } from '../parsing/argument-definitions.ts'
import type { Deps } from '../deps.ts'
import { readNamedFile } from '../input/read-named-file.ts'

/** Far more than all settings with a word about each. */
const MAX_CONFIG_BYTES = 1024 * 1024

/** The server's settings as flags, with `--config`: all of them, or those that a command needs. */
export function settingFlags(has: (name: SettingName) => boolean): Record<string, Flag> {
  const flags: Record<string, Flag> = {
    config: {
      type: 'string',
      valueHint: 'FILE',
      description: 'settings in TOML; relative paths in it are from its own folder',
    },
  }
  for (const [name, { description, value, secret }] of Object.entries(SETTINGS)) {
    if (!has(name as SettingName)) continue
    flags[name] =
      value === undefined
        ? { type: 'boolean', description }
        : {
            type: 'string',
            valueHint: value,
            description: secret === true ? `${description} (better: --${name}-file)` : description,
          }
    if (secret === true)
      flags[`${name}-file`] = { type: 'string', valueHint: 'PATH', description: 'the same from a file' }
  }
  return flags
}

/** What the flags, the environment and the file of `--config` say. */
export async function settingSources(
  flags: Readonly<Record<string, unknown>>,
  deps: Pick<Deps, 'env' | 'signal'>,
): Promise<SettingSources> {
  const given: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(flags)) {
    // A switch that is not given is unset, not false: a variable or the file may still set it.
    given[name] = typeof value === 'string' || typeof value === 'boolean' ? String(value) : undefined
  }
  const file = given.config === undefined ? undefined : await readConfig(given.config, deps)
  return { flags: given, env: deps.env, file, filePath: given.config }
}

async function readConfig(path: string, deps: Pick<Deps, 'signal'>): Promise<unknown> {
  const bytes = await readNamedFile(path, { limitBytes: MAX_CONFIG_BYTES, code: 'config' }, deps)
  const { parseToml } = await import('../../platform/files/toml.ts')
  const parsed = parseToml(new TextDecoder().decode(bytes))
  if (!parsed.ok) throw new Fault('config', `${path}:${parsed.line}:${parsed.column}: this is not TOML`)
  return parsed.table
}

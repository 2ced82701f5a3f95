/** The settings of what is stored of runs, and for how long. */
import { Fault } from '../../contract/fault.ts'
import type { SettingName } from './setting-table.ts'
import { parseAge, parseSize } from './parse-ages-and-sizes.ts'
import type { SettingValues } from './setting-values.ts'

/** What is stored of runs, and for how long; undefined: the default of `runs/`. */
export interface KeepSettings {
  /** How long after a run's end its log and its record are stored; `Infinity`: for ever. */
  keepLogsMs?: number | undefined
  keepRunsMs?: number | undefined
  /** What the logs of all runs may take, and that of one. */
  keepLogsBytes?: number | undefined
  maxLogBytes?: number | undefined
}

const MIN_SIZE = 1_000_000

/** @throws Fault `config` naming the setting */
export function readKeepSettings(values: SettingValues): KeepSettings {
  return {
    keepLogsMs: age(values, 'keep-logs', '1h'),
    keepRunsMs: age(values, 'keep-runs', '7d'),
    keepLogsBytes: size(values, 'keep-logs-size'),
    maxLogBytes: size(values, 'max-log-size'),
  }
}

/**
 * @param least who follows a run gets to see its end; and a run stays on record for as long as its webhook might be
 * delivered once more.
 * @throws Fault `config`, for 0 too: some mean "not at all" by it, and others "for ever"
 */
function age(values: SettingValues, name: SettingName, least: '1h' | '7d'): number | undefined {
  const text = values[name]
  if (text === undefined) return undefined
  if (text === 'forever') return Infinity
  const ms = parseAge(text)
  if (ms !== undefined && ms >= (parseAge(least) ?? 0)) return ms
  throw new Fault(
    'config',
    `--${name} takes a time such as 36h or 90d, at least ${least}, or forever, not ${text}`,
  )
}

/** @throws Fault `config` for another form, or for less than 1 MB */
function size(values: SettingValues, name: SettingName): number | undefined {
  const text = values[name]
  if (text === undefined) return undefined
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes >= MIN_SIZE) return bytes
  throw new Fault('config', `--${name} takes a size such as 500MB or 10GiB, at least 1MB, not ${text}`)
}

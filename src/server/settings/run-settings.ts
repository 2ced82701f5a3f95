/** The settings that bound runs. */
import { Fault } from '../../contract/fault.ts'
import { type Network, openNetwork } from '../../guarded-fetch/allowed-networks.ts'
import type { SettingName } from './setting-table.ts'
import type { SettingValues } from './setting-values.ts'

/** What bounds runs; undefined: what `runs/` takes as its own. */
export interface RunSettings {
  runsAtOnce: number | undefined
  runsPerTenant: number | undefined
  /** Of one tenant. */
  waitingRuns: number | undefined
  /** What scripts may reach: the internet, and what the operator names in addition. */
  network: Network
}

/** @throws Fault `config` naming the setting */
export function readRunSettings(values: SettingValues): RunSettings {
  return {
    runsAtOnce: count(values, 'runs-at-once'),
    runsPerTenant: count(values, 'runs-per-tenant'),
    waitingRuns: count(values, 'runs-waiting'),
    network: openNetwork((values['allow-network'] ?? '').split(/[\s,]+/).filter((entry) => entry !== '')),
  }
}

function count(values: SettingValues, name: SettingName): number | undefined {
  const text = values[name]
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,3}$|^10000$/.test(text)) return Number(text)
  throw new Fault('config', `--${name} takes a number from 1 to 10000, not ${text}`)
}

/** Which settings of a pipeline `fob pipeline set` would change. */
import type { PipelineResponse } from '../../contract/api/pipelines.ts'
import { Fault } from '../../contract/fault.ts'
import type { PipelineSettings } from '../parsing/pipeline-set-arguments.ts'

/** One setting before and after; values in words, an empty list: it does not have one. */
export interface SettingDifference {
  setting: 'file' | 'driver' | 'rule' | 'concurrency' | 'schedules' | 'secrets' | 'needs'
  before: string[]
  after: string[]
}

/** What is to be set, with what its source says. */
export interface NewPipeline extends PipelineSettings {
  name: string
  filename: string
  /** The keys of the secrets that the source names. */
  needs: readonly string[]
}

/**
 * The settings that differ. What is undefined in `after` stays as it is. Values of secrets are not compared: nobody
 * gets to read those of the server.
 * @param before undefined: there is no such pipeline yet
 */
export function compareSettings(
  before: PipelineResponse | undefined,
  after: NewPipeline,
): SettingDifference[] {
  const { driver, rbac, concurrency, schedules } = after
  const rows: (SettingDifference | undefined)[] = [
    { setting: 'file', before: given([before?.filename]), after: [after.filename] },
    driver && { setting: 'driver', before: given([before?.driver]), after: [driver] },
    rbac === undefined
      ? undefined
      : { setting: 'rule', before: given([before?.rbac]), after: given([rbac.trim()]) },
    concurrency && {
      setting: 'concurrency',
      before: given([before?.concurrency && concurrencyText(before.concurrency)]),
      after: [concurrencyText(concurrency)],
    },
    schedules && {
      setting: 'schedules',
      before: (before?.schedules ?? []).map(scheduleText),
      after: schedules.map(scheduleText),
    },
    { setting: 'secrets', before: before?.secrets ?? [], after: secretsAfter(before, after) },
    { setting: 'needs', before: (before?.needs ?? []).map(({ key }) => key), after: [...after.needs] },
  ]
  return rows.filter((row) => row !== undefined).filter((row) => !isSame(row))
}

/** The pipeline's own secrets that would get a value again, of which nobody can tell whether it is another. */
export function secretsSetAgain(
  before: PipelineResponse | undefined,
  { secrets }: PipelineSettings,
): string[] {
  return (before?.secrets ?? []).filter((key) => secrets.has(key))
}

/** @throws Fault as the server would: `usage` for one that is to be set as well, `not_found` for one that is not there */
function secretsAfter(before: PipelineResponse | undefined, after: NewPipeline): string[] {
  const { name, secrets, unsetSecrets } = after
  const there = new Set(before?.secrets)
  for (const key of unsetSecrets) {
    if (secrets.has(key)) throw new Fault('usage', `${key} is to be set and to be removed`)
    if (!there.has(key)) {
      throw new Fault('not_found', `the pipeline ${name} has no secret ${key} to be removed`, {
        hint: `remove only secrets that the pipeline has; "fob secrets list -p ${name}" lists them`,
      })
    }
    there.delete(key)
  }
  return [...there.union(new Set(secrets.keys()))]
}

function given(values: readonly (string | null | undefined)[]): string[] {
  return values.filter((value): value is string => typeof value === 'string' && value !== '')
}

function isSame({ setting, before, after }: SettingDifference): boolean {
  // The order of secrets is that of a store, or of a source.
  const isSet = setting === 'secrets' || setting === 'needs' || setting === 'schedules'
  const text = (values: readonly string[]) => JSON.stringify(isSet ? values.toSorted() : values)
  return text(before) === text(after)
}

function concurrencyText({ mode, max }: { mode: string; max?: number | undefined }): string {
  return max === undefined ? mode : `${mode}, ${max} at once`
}

function scheduleText(of: { cron: string; timeZone: string; catchUp: boolean }): string {
  const cron = of.cron.trim().replaceAll(/\s+/g, ' ')
  return `${cron} (${[of.timeZone, ...(of.catchUp ? ['catches up'] : [])].join(', ')})`
}

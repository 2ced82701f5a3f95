/** The flags of `fob pipeline set` as the API's settings of a pipeline. */
import { basename } from 'node:path'
import * as v from 'valibot'
import {
  type Concurrency,
  concurrency,
  CONCURRENCY_MODES,
  pipelineName,
  type Schedule,
} from '../../contract/api/pipelines.ts'
import { Fault } from '../../contract/fault.ts'
import { isPipe } from '../../platform/files/read-private-files.ts'
import { notAnOption } from './check-arguments.ts'

/**
 * Undefined where neither is given.
 * @throws Fault `usage`
 */
export function parseConcurrency(mode: string | undefined, max: string | undefined): Concurrency | undefined {
  if (mode === undefined && max === undefined) return undefined
  const asked = { mode: mode ?? 'parallel', ...(max === undefined ? {} : { max: Number(max) }) }
  const parsed = v.safeParse(concurrency, asked)
  if (parsed.success) return parsed.output
  throw max === undefined
    ? notAnOption('--concurrency', mode ?? '', { options: CONCURRENCY_MODES })
    : new Fault('usage', '--max-runs takes a number from 1 to 1000, with --concurrency parallel only')
}

/**
 * Undefined where the schedules stay as they are.
 * @param crons false: `--no-schedule`
 * @throws Fault `usage`
 */
export function parseSchedules({
  crons,
  timeZone,
  catchUp,
}: {
  crons: readonly string[] | false
  timeZone: string | undefined
  catchUp: boolean
}): Schedule[] | undefined {
  const given = crons === false ? [] : crons
  if (given.length === 0 && (timeZone !== undefined || catchUp)) {
    throw new Fault('usage', '--time-zone and --catch-up need --schedule')
  }
  if (given.length === 0) return crons === false ? [] : undefined
  return given.map((cron) => ({ cron, timeZone: timeZone ?? 'UTC', catchUp }))
}

/**
 * A pipeline is called what its file is called, but for `-n`. The name of a pipe (`<(…)`) means nothing.
 * @throws Fault `usage`
 */
export function parseNames(file: string, given: string | undefined): { name: string; filename: string } {
  const isModule = /\.(ts|js)$/.test(file)
  const hint = 'name it with -n NAME'
  if (!isModule && !isPipe(file)) throw new Fault('usage', `${file} is not a .ts or .js file`)
  if (!isModule && given === undefined) {
    throw new Fault('usage', 'a pipe does not name the pipeline', { hint })
  }
  const name = given ?? basename(file).replace(/\.[^.]*$/, '')
  const valid = v.safeParse(pipelineName, name)
  if (!valid.success) throw new Fault('usage', valid.issues[0].message, { hint })
  return { name, filename: isModule ? basename(file) : `${name}.ts` }
}

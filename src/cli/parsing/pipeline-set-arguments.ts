/** The arguments of `fob pipeline set` and `fob pipeline diff`: a file, a pipeline, and settings of it. */
import {
  type Concurrency,
  CONCURRENCY_MODES,
  type DriverName,
  DRIVERS,
  type Schedule,
} from '../../contract/api/pipelines.ts'
import type { Args, Values } from './argument-definitions.ts'
import { parseKeyValues } from './key-value-arguments.ts'
import { parseConcurrency, parseSchedules } from './pipeline-setting-flags.ts'

export const PIPELINE_SET_FLAGS = {
  name: {
    type: 'string',
    alias: 'n',
    valueHint: 'NAME',
    description: 'its name (default: that of the file)',
    completes: 'pipeline',
  },
  secret: {
    type: 'string',
    repeatable: true,
    alias: 'e',
    valueHint: 'KEY=VALUE',
    description:
      'a secret for this pipeline (better: fob secrets set KEY -p NAME, which no shell history keeps)',
  },
  'secret-file': {
    type: 'string',
    valueHint: 'PATH',
    description: 'secrets for this pipeline as KEY=VALUE lines (dotenv); quoted values may have many lines',
  },
  'unset-secret': {
    type: 'string',
    repeatable: true,
    valueHint: 'KEY',
    description: 'remove a secret of this pipeline',
    completes: 'secret',
  },
  driver: {
    type: 'enum',
    options: DRIVERS,
    valueHint: 'DRIVER',
    description: 'what tasks run on: native or docker (default: unchanged; at first, what the server says)',
  },
  rbac: {
    type: 'string',
    valueHint: 'RULE',
    description: 'who may see and run it (needs a server with OAuth)',
  },
  concurrency: {
    type: 'string',
    valueHint: 'MODE',
    completes: CONCURRENCY_MODES,
    description:
      'what happens when a run starts while another runs: parallel (both run), serial (one after the other), cancel-previous',
  },
  'max-runs': {
    type: 'string',
    valueHint: 'N',
    description: 'with parallel: how many run at once; the others wait',
  },
  schedule: {
    type: 'string',
    repeatable: true,
    valueHint: 'CRON',
    description: 'run it on a schedule: minute, hour, day, month, day of the week',
    negativeDescription: 'remove its schedules',
  },
  'time-zone': {
    type: 'string',
    valueHint: 'ZONE',
    description: 'the time zone of the schedules (default UTC)',
  },
  'catch-up': {
    type: 'boolean',
    default: false,
    description: 'run once for all scheduled times that were missed while the server was down',
  },
  'allow-short': { type: 'boolean', default: false, description: 'accept secrets of fewer than 4 bytes' },
} as const satisfies Args

/** What the pipeline is to have; undefined: as it is. */
export interface PipelineSettings {
  driver: DriverName | undefined
  rbac: string | undefined
  concurrency: Concurrency | undefined
  schedules: Schedule[] | undefined
  /** By their keys. */
  secrets: ReadonlyMap<string, string>
  unsetSecrets: readonly string[]
}

/** @param secretFile what the file of `--secret-file` has; a flag goes before it. @throws Fault `usage` */
export function parsePipelineSettings(
  flags: Values<typeof PIPELINE_SET_FLAGS>,
  secretFile: ReadonlyMap<string, string>,
): PipelineSettings {
  return {
    secrets: new Map([...secretFile, ...parseKeyValues(flags.secret, '--secret')]),
    unsetSecrets: flags['unset-secret'],
    driver: flags.driver,
    rbac: flags.rbac,
    concurrency: parseConcurrency(flags.concurrency, flags['max-runs']),
    schedules: parseSchedules({
      crons: flags.schedule,
      timeZone: flags['time-zone'],
      catchUp: flags['catch-up'],
    }),
  }
}

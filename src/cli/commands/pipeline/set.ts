import { basename } from 'node:path'
import * as v from 'valibot'
import {
  type Concurrency,
  concurrency,
  CONCURRENCY_MODES,
  type DriverName,
  DRIVERS,
  MAX_SOURCE_BYTES,
  pipelineResponse,
  type PipelineResponse,
  pipelineName,
  type Schedule,
} from '../../../contract/api/pipelines.ts'
import { Fault } from '../../../contract/fault.ts'
import { parseDotenv } from '../../../platform/files/dotenv.ts'
import { isPipe } from '../../../platform/files/private-files.ts'
import { Secret } from '../../../redact/secret.ts'
import { openClient, type Client } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { readGivenFile } from '../../input/read-named-file.ts'
import { parseKeyValues } from '../../parsing/key-values.ts'
import { describeNeeds } from '../../output/pipeline-secrets.ts'
import { printRecord } from '../../output/print.ts'

/** Values are smaller each; the server takes 10 MiB in all. */
const MAX_SECRET_FILE_BYTES = 10 * 1024 * 1024

export const command = defineCommand({
  summary: 'Upload a pipeline',
  description:
    'FILE is a .ts or .js module that exports `pipeline`, or with -n a pipe that brings one. Secrets given here\n' +
    'are for this pipeline alone.',
  examples: [
    'fob pipeline set deploy.ts',
    'fob pipeline set deploy.ts -n deploy-staging -e API_KEY=…',
    'fob pipeline set deploy.ts --secret-file deploy.env --unset-secret OLD_KEY',
    'fob pipeline set report.ts --schedule "0 6 * * 1-5" --time-zone Europe/Paris --concurrency serial',
  ],
  flags: {
    name: {
      type: 'string',
      short: 'n',
      value: 'NAME',
      description: 'its name (default: of the file)',
      completes: 'pipeline',
    },
    secret: {
      type: 'strings',
      short: 'e',
      value: 'KEY=VALUE',
      description:
        'a secret for this pipeline (better: fob secrets set KEY -p NAME, which no shell history keeps)',
    },
    'secret-file': {
      type: 'string',
      value: 'PATH',
      description: 'secrets for this pipeline as KEY=VALUE lines (dotenv); quoted values may have many lines',
    },
    'unset-secret': {
      type: 'strings',
      value: 'KEY',
      description: 'remove a secret of this pipeline',
      completes: 'secret',
    },
    driver: {
      type: 'string',
      value: 'DRIVER',
      completes: DRIVERS,
      description: 'what tasks run on: native or docker (default: as before, at first the server decides)',
    },
    rbac: {
      type: 'string',
      value: 'RULE',
      description: 'who may see and run it (needs a server with OAuth)',
    },
    concurrency: {
      type: 'string',
      value: 'MODE',
      completes: CONCURRENCY_MODES,
      description:
        'when it is to run while it runs: parallel (side by side), serial (one after the other), cancel-previous',
    },
    'max-runs': {
      type: 'string',
      value: 'N',
      description: 'with parallel: so many at once, the others wait',
    },
    schedule: {
      type: 'strings',
      value: 'CRON',
      description: 'run it by itself: minute, hour, day, month, day of the week',
    },
    'time-zone': { type: 'string', value: 'ZONE', description: 'of the schedules (default UTC)' },
    'catch-up': {
      type: 'boolean',
      description: 'run once for all that was missed because the server was not running',
    },
    'no-schedule': { type: 'boolean', description: 'it no longer runs by itself' },
    'allow-short': { type: 'boolean', description: 'accept secrets of fewer than 4 bytes' },
  },
  positionals: { file: { arity: 'required', description: 'a .ts or .js file', completes: 'file' } },
  async run({ flags, positionals: { file }, globals }, deps) {
    const options: SetPipeline = {
      ...readNames(file, flags.name),
      secrets: new Map([
        ...(await readSecretFile(flags['secret-file'], deps)),
        ...parseKeyValues(flags.secret, '--secret'),
      ]),
      unsetSecrets: flags['unset-secret'],
      driver: readDriver(flags.driver),
      rbac: flags.rbac,
      concurrency: readConcurrency(flags.concurrency, flags['max-runs']),
      schedules: readSchedules(flags),
      allowShort: flags['allow-short'],
    }
    const source = await readSource(file, deps)
    await setPipeline(options, source, await openClient(deps, globals), deps)
  },
})

/** @throws Fault `usage` naming the line that is wrong, never what stands in it */
async function readSecretFile(path: string | undefined, deps: Deps): Promise<Map<string, string>> {
  if (path === undefined) return new Map()
  const text = new Secret(await readGivenFile(path, { limitBytes: MAX_SECRET_FILE_BYTES }, deps))
  if (!text.isText) throw new Fault('usage', `${path} is not UTF-8 text`)
  const parsed = parseDotenv(text.reveal())
  if (parsed.ok) return parsed.values
  throw new Fault('usage', `${path}:${parsed.line}: ${parsed.problem}`, {
    hint: 'a value of more than one line stands in quotes',
  })
}

/** @throws Fault `usage` */
function readDriver(name: string | undefined): DriverName | undefined {
  const driver = DRIVERS.find((known) => known === name)
  if (driver === undefined && name !== undefined) {
    throw new Fault('usage', `--driver is ${DRIVERS.join(' or ')}`)
  }
  return driver
}

/**
 * Undefined where nothing is said of it.
 * @throws Fault `usage`
 */
function readConcurrency(mode: string | undefined, max: string | undefined): Concurrency | undefined {
  if (mode === undefined && max === undefined) return undefined
  const asked = { mode: mode ?? 'parallel', ...(max === undefined ? {} : { max: Number(max) }) }
  const parsed = v.safeParse(concurrency, asked)
  if (parsed.success) return parsed.output
  throw max === undefined
    ? new Fault(
        'usage',
        `--concurrency takes parallel, serial or cancel-previous, not ${JSON.stringify(mode)}`,
      )
    : new Fault(
        'usage',
        '--max-runs takes a number from 1 to 1000, and goes with --concurrency parallel alone',
      )
}

/**
 * Undefined where nothing is said of them.
 * @throws Fault `usage`
 */
function readSchedules(flags: {
  schedule: string[]
  'time-zone': string | undefined
  'catch-up': boolean
  'no-schedule': boolean
}): Schedule[] | undefined {
  const { schedule, 'time-zone': timeZone = 'UTC', 'catch-up': catchUp } = flags
  if (flags['no-schedule'] && schedule.length > 0) {
    throw new Fault('usage', '--schedule and --no-schedule are opposites')
  }
  if (schedule.length === 0 && (flags['time-zone'] !== undefined || catchUp)) {
    throw new Fault('usage', '--time-zone and --catch-up go with --schedule')
  }
  if (schedule.length === 0) return flags['no-schedule'] ? [] : undefined
  return schedule.map((cron) => ({ cron, timeZone, catchUp }))
}

export interface SetPipeline {
  name: string
  /** What the source is called, where it is shown. */
  filename: string
  secrets: ReadonlyMap<string, string>
  unsetSecrets: readonly string[]
  driver: DriverName | undefined
  rbac: string | undefined
  concurrency: Concurrency | undefined
  schedules: Schedule[] | undefined
  allowShort: boolean
}

/**
 * A pipeline is called what its file is called, but for `-n`. A pipe (`<(…)`) has no name that means anything.
 * @throws Fault `usage`
 */
function readNames(file: string, given: string | undefined): Pick<SetPipeline, 'name' | 'filename'> {
  const isModule = /\.(ts|js)$/.test(file)
  const hint = 'name it with -n NAME'
  if (!isModule && !isPipe(file)) throw new Fault('usage', `${file} is not a .ts or .js file`)
  if (!isModule && given === undefined)
    throw new Fault('usage', 'a pipe does not name the pipeline', { hint })
  const name = given ?? basename(file).replace(/\.[^.]*$/, '')
  const valid = v.safeParse(pipelineName, name)
  if (!valid.success) throw new Fault('usage', valid.issues[0].message, { hint })
  return { name, filename: isModule ? basename(file) : `${name}.ts` }
}

async function readSource(file: string, deps: Deps): Promise<string> {
  const bytes = await readGivenFile(file, { limitBytes: MAX_SOURCE_BYTES }, deps)
  if (bytes.length === 0) throw new Fault('usage', `${file} is empty`)
  return readText(bytes, file)
}

/** @throws Fault `usage` with the first line that is not UTF-8 */
function readText(bytes: Uint8Array, file: string): string {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    return decoder.decode(bytes)
  } catch {
    throw new Fault('usage', `${file}:${firstBadLine(bytes, decoder)}: this is not UTF-8 text`)
  }
}

function firstBadLine(bytes: Uint8Array, decoder: TextDecoder): number {
  let line = 1
  for (let from = 0; from < bytes.length; line++) {
    // No other character has this byte in it.
    const end = bytes.indexOf(10, from) + 1 || bytes.length
    try {
      decoder.decode(bytes.subarray(from, end))
    } catch {
      return line
    }
    from = end
  }
  return line
}

export async function setPipeline(
  options: SetPipeline,
  source: string,
  client: Client,
  { io }: Pick<Deps, 'io'>,
): Promise<void> {
  const pipeline = await client.api.request({
    method: 'PUT',
    path: `/api/pipelines/${encodeURIComponent(options.name)}`,
    body: {
      source,
      filename: options.filename,
      ...(options.driver === undefined ? {} : { driver: options.driver }),
      ...(options.rbac === undefined ? {} : { rbac: options.rbac }),
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
      ...(options.schedules === undefined ? {} : { schedules: options.schedules }),
      ...(options.allowShort ? { allowShort: true } : {}),
      secrets: Object.fromEntries(options.secrets),
      unsetSecrets: options.unsetSecrets,
    },
    secrets: Array.from(options.secrets.values(), (value) => new Secret(value)),
    schema: pipelineResponse,
  })
  const secrets = options.secrets.size === 0 ? '' : ` with ${[...options.secrets.keys()].join(', ')}`
  client.say(`Set pipeline ${pipeline.name}${secrets}. Run it with: fob pipeline run ${pipeline.name}`)
  if (options.schedules !== undefined) for (const line of describeSchedules(pipeline)) client.say(line)
  for (const { key, isSet, text } of describeNeeds(pipeline)) {
    client.say(isSet ? `✓ needs ${key}, ${text}` : `✗ needs ${key}, which is ${text}`)
  }
  if (client.format === 'json') printRecord(io, 'json', pipeline, [])
}

function describeSchedules({ schedules = [] }: PipelineResponse): string[] {
  return schedules.map(
    ({ cron, timeZone, nextAt }) => `It runs at ${cron} (${timeZone}), next at ${nextAt ?? 'no time'}`,
  )
}

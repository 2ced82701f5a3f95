/** `fob pipeline diff`: shows what `fob pipeline set` would change. */
import { type PipelineResponse, pipelineResponse } from '../../../contract/api/pipelines.ts'
import { Fault } from '../../../contract/fault.ts'
import { type LineDifference, lineDifference } from '../../../platform/line-difference.ts'

import { type Client, openClient } from '../../client/command-context.ts'
import {
  compareSettings,
  type NewPipeline,
  secretsSetAgain,
  type SettingDifference,
} from '../../client/compare-pipeline-settings.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { EXIT } from '../../exit-codes.ts'
import { readPipelineSource, readSecretFile } from '../../input/read-pipeline-source-and-secrets.ts'
import { secretsNamedIn } from '../../local-runs/secrets-named-in-source.ts'
import { type DifferencePart, printDifference } from '../../output/print-difference.ts'
import { printJson } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { parsePipelineSettings, PIPELINE_SET_FLAGS } from '../../parsing/pipeline-set-arguments.ts'
import { parseNames } from '../../parsing/pipeline-setting-flags.ts'

/** As `diff` and `kubectl diff` have it. Errors have other statuses. */
const DIFFERS = 1

export const command = defineCommand({
  meta: {
    description: 'Show what "fob pipeline set" would change',
    details: `Takes what "fob pipeline set" takes, and changes nothing: a unified diff of the source, and the settings that differ.
Exits 0 where nothing differs, 1 where something does, and 2 or more where that cannot be told. Values of secrets are
not compared.`,
    examples: [
      'fob pipeline diff deploy.ts',
      'fob pipeline diff deploy.ts deploy-staging',
      'fob pipeline diff report.ts --schedule "0 6 * * 1-5" --time-zone Europe/Paris',
      'fob pipeline diff deploy.ts -q >/dev/null || fob pipeline set deploy.ts',
    ],
  },
  args: {
    ...PIPELINE_SET_FLAGS,
    file: { type: 'positional', description: 'a .ts or .js file', completes: 'file' },
    pipeline: {
      type: 'positional',
      required: false,
      valueHint: 'NAME',
      description: 'the pipeline to compare it with, as with -n',
      completes: 'pipeline',
    },
  },
  run: async ({ args, globals }, deps) => {
    const { name, pipeline, file } = args
    if (name !== undefined && pipeline !== undefined && name !== pipeline) {
      throw new Fault('usage', `the pipeline is called ${pipeline} and, by --name, ${name}`, {
        hint: 'name it once',
      })
    }
    const names = parseNames(file, pipeline ?? name)
    const settings = parsePipelineSettings(args, await readSecretFile(args['secret-file'], deps))
    const source = await readPipelineSource(file, deps)
    return diffPipeline({ globals, source, ...names, ...settings, needs: secretsNamedIn(source) }, deps)
  },
})

type DiffOptions = NewPipeline & { globals: Globals; source: string }

/** @returns the exit status */
async function diffPipeline(options: DiffOptions, deps: Deps): Promise<number> {
  const { name } = options
  const client = await openClient(deps, options.globals)
  const before = await fetchPipeline(name, client)
  const settings = compareSettings(before, options)
  const again = secretsSetAgain(before, options)
  const source = lineDifference(before?.source ?? '', options.source)
  const differs = before === undefined || source.hunks !== '' || settings.length > 0
  if (client.format === 'json') {
    const { hunks, ...counts } = source
    const sourceDiffers = { differs: hunks !== '', ...counts, diff: hunks }
    const exists = before !== undefined
    printJson(deps.io, { name, exists, differs, source: sourceDiffers, settings, secretsSetAgain: again })
  } else printDifference(deps, partsOf({ before, options, source, settings }, client.server))
  if (!source.compared && before !== undefined)
    client.say('the two sources have little in common, and are shown one after the other')
  for (const key of again)
    client.say(`${key} is set already: it would be set again, and its value is not compared`)
  client.say(summary(name, { exists: before !== undefined, source, settings }))
  return differs ? DIFFERS : 0
}

/**
 * Undefined where there is none.
 * @throws Fault whose exit status is not that of a difference
 */
async function fetchPipeline(name: string, client: Client): Promise<PipelineResponse | undefined> {
  const path = `/api/pipelines/${encodeURIComponent(name)}`
  try {
    return await client.api.request({ method: 'GET', path, schema: pipelineResponse })
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    if (error.code === 'not_found') {
      client.say(`there is no pipeline ${name} at ${client.server} that you see: all of it is new`)
      if (error.hint !== undefined) client.say(`hint: ${error.hint}`)
      return undefined
    }
    if (EXIT[error.code] !== DIFFERS) throw error
    const { message, hint } = error
    throw new Fault('server_error', message, { hint, cause: error })
  }
}

interface Compared {
  before: PipelineResponse | undefined
  options: DiffOptions
  source: LineDifference
  settings: readonly SettingDifference[]
}

function partsOf({ before, options, source, settings }: Compared, server: string): DifferencePart[] {
  const { name, filename } = options
  const lines = settings.flatMap(({ setting, before: old, after }) => [
    ...old.filter((value) => !after.includes(value)).map((value) => `-${setting}: ${value}\n`),
    ...after.filter((value) => !old.includes(value)).map((value) => `+${setting}: ${value}\n`),
  ])
  const from = before === undefined ? '/dev/null' : `${name} at ${server}`
  const all = [
    { heading: [`settings of ${name}`], lines: lines.join('') },
    { heading: [`--- ${from}`, `+++ ${filename}`], lines: source.hunks },
  ]
  return all.filter((part) => part.lines !== '')
}

function summary(
  name: string,
  { exists, source, settings }: Pick<Compared, 'source' | 'settings'> & { exists: boolean },
): string {
  const { hunks, added, removed } = source
  const parts = [
    ...(hunks === '' ? [] : [`source (lines added: ${added}, removed: ${removed})`]),
    ...settings.map(({ setting }) => setting),
  ]
  if (!exists) return `new: ${parts.join(', ')}`
  return parts.length === 0
    ? `no difference: ${name} is as it would be set`
    : `${name} differs: ${parts.join(', ')}`
}

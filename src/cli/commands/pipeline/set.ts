/** `fob pipeline set`: uploads a pipeline with its secrets, rule, concurrency and schedules. */
import { type Concurrency, pipelineResponse, type PipelineResponse } from '../../../contract/api/pipelines.ts'
import { Secret } from '../../../redact/secret.ts'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { readPipelineSource, readSecretFile } from '../../input/read-pipeline-source-and-secrets.ts'
import { describeNeeds } from '../../output/describe-needed-secrets.ts'
import { printJson } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import {
  parsePipelineSettings,
  PIPELINE_SET_FLAGS,
  type PipelineSettings,
} from '../../parsing/pipeline-set-arguments.ts'
import { parseNames } from '../../parsing/pipeline-setting-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Upload a pipeline',
    details: `FILE is a .ts or .js module that exports \`pipeline\`; with -n, it can be a pipe that brings one. Secrets given here
are for this pipeline only.`,
    examples: [
      'fob pipeline set deploy.ts',
      'fob pipeline set deploy.ts -n deploy-staging -e API_KEY=…',
      'fob pipeline set deploy.ts --secret-file deploy.env --unset-secret OLD_KEY',
      'fob pipeline set report.ts --schedule "0 6 * * 1-5" --time-zone Europe/Paris --concurrency serial',
    ],
  },
  args: {
    ...PIPELINE_SET_FLAGS,
    file: { type: 'positional', description: 'a .ts or .js file', completes: 'file' },
  },
  run: async ({ args, globals }, deps) => {
    const names = parseNames(args.file, args.name)
    const secretFile = await readSecretFile(args['secret-file'], deps)
    const options = {
      globals,
      ...names,
      ...parsePipelineSettings(args, secretFile),
      allowShort: args['allow-short'],
      source: await readPipelineSource(args.file, deps),
    }
    await setPipeline(options, deps)
  },
})

interface SetPipelineOptions extends PipelineSettings {
  globals: Globals
  name: string
  /** What the source is called where it is shown. */
  filename: string
  source: string
  allowShort: boolean
}

async function setPipeline(options: SetPipelineOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, options.globals)
  const pipeline = await client.api.request({
    method: 'PUT',
    path: `/api/pipelines/${encodeURIComponent(options.name)}`,
    body: requestBody(options),
    secrets: Array.from(options.secrets.values(), (value) => new Secret(value)),
    schema: pipelineResponse,
  })
  const secrets = options.secrets.size === 0 ? '' : ` with ${[...options.secrets.keys()].join(', ')}`
  client.say(`Set pipeline ${pipeline.name}${secrets}. Run it with: fob pipeline run ${pipeline.name}`)
  if (pipeline.replaced !== undefined) {
    const { setBy, setAt } = pipeline.replaced
    client.say(`It replaces what ${setBy ?? 'somebody'} set at ${setAt}`)
  }
  if (pipeline.hiddenFromYou === true) {
    client.say(`warning: its rule hides ${pipeline.name} from you: you can no longer see, run or change it`)
    client.say(
      'hint: an administrator, or somebody who passes it, can take it away: fob pipeline set FILE --rbac ""',
    )
  }
  if (options.schedules !== undefined) for (const line of scheduleLines(pipeline)) client.say(line)
  for (const { key, isSet, text } of describeNeeds(pipeline)) {
    client.say(isSet ? `✓ needs ${key}, ${text}` : `warning: it needs ${key}, which is ${text}`)
  }
  if (client.format === 'json') printJson(deps.io, pipeline)
}

/** What is undefined is left out, and stays as it is at the server. */
function requestBody(options: SetPipelineOptions): object {
  const { source, filename, driver, rbac, concurrency, schedules, unsetSecrets } = options
  return {
    source,
    filename,
    driver,
    rbac,
    concurrency: concurrency && forOlderServers(concurrency),
    schedules,
    allowShort: options.allowShort ? true : undefined,
    secrets: Object.fromEntries(options.secrets),
    unsetSecrets,
  }
}

/** Servers of version 0.1 know `parallel` by its earlier name alone, which newer ones read as well. */
function forOlderServers(concurrency: Concurrency): object {
  return concurrency.mode === 'parallel' ? { ...concurrency, mode: 'queue' } : concurrency
}

function scheduleLines({ schedules = [] }: PipelineResponse): string[] {
  return schedules.map(
    ({ cron, timeZone, nextAt }) => `It runs at ${cron} (${timeZone}), next at ${nextAt ?? 'no time'}`,
  )
}

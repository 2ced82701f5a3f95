/** `fob pipeline show`: shows one pipeline, or its source. */
import { type PipelineResponse, pipelineResponse } from '../../../contract/api/pipelines.ts'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { describeNeeds } from '../../output/describe-needed-secrets.ts'
import { printForeign, printRecord } from '../../output/print.ts'
import { timesFor } from '../../output/format-times.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Show one pipeline',
    examples: ['fob pipeline show deploy', 'fob pipeline show deploy --source > deploy.ts'],
  },
  args: {
    source: { type: 'boolean', default: false, description: 'print the source and nothing else' },
    name: { type: 'positional', description: 'the pipeline', completes: 'pipeline' },
  },
  run: ({ args, globals }, deps) => showPipeline({ globals, ...args }, deps),
})

interface ShowPipelineOptions {
  globals: Globals
  name: string
  source: boolean
}

async function showPipeline({ globals, name, source }: ShowPipelineOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const path = `/api/pipelines/${encodeURIComponent(name)}`
  const pipeline = await client.api.request({ method: 'GET', path, schema: pipelineResponse })
  if (source) return printForeign(deps.io.stdout, pipeline.source ?? '')
  const { long } = timesFor(client, deps)
  printRecord(deps.io, client.format, pipeline, [
    ['name', pipeline.name],
    ['id', pipeline.id],
    ['file', pipeline.filename],
    ['driver', pipeline.driver],
    ['state', pipeline.paused ? 'paused' : 'active'],
    ['concurrency', concurrencyText(pipeline)],
    ['secrets', (pipeline.secrets ?? []).join(', ') || 'none of its own'],
    ...describeNeeds(pipeline).map(({ key, text }) => [`needs ${key}`, text] as const),
    ['webhook', pipeline.webhook ? `${pipeline.webhook.provider}, ${pipeline.webhook.url}` : 'none'],
    ...(pipeline.schedules ?? []).map((schedule) => ['schedule', scheduleText(schedule)] as const),
    ['created', long(pipeline.createdAt)],
    ['updated', long(pipeline.updatedAt)],
  ])
}

function concurrencyText({ concurrency }: PipelineResponse): string {
  const { mode = 'parallel', max } = concurrency ?? {}
  return max === undefined ? mode : `${mode}, ${max} at once`
}

function scheduleText(schedule: NonNullable<PipelineResponse['schedules']>[number]): string {
  const { cron, timeZone, catchUp, nextAt, missed, missedAt, missedBecause } = schedule
  const about = [timeZone, ...(catchUp ? ['catches up'] : [])].join(', ')
  const next = nextAt === null ? 'never again' : `next ${nextAt}`
  const gone = missedAt === null ? '' : `; missed ${missed}, seen ${missedAt}: ${missedBecause ?? ''}`
  return `${cron} (${about}), ${next}${gone}`
}

import { type PipelineResponse, pipelineResponse } from '../../../contract/api/pipelines.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { describeNeeds } from '../../output/pipeline-secrets.ts'
import { printForeign, printRecord } from '../../output/print.ts'

export const command = defineCommand({
  summary: 'Show one pipeline',
  examples: ['fob pipeline show deploy', 'fob pipeline show deploy --source > deploy.ts'],
  flags: { source: { type: 'boolean', description: 'print the source and nothing else' } },
  positionals: { name: { arity: 'required', description: 'its name', completes: 'pipeline' } },
  async run({ flags, positionals: { name }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = `/api/pipelines/${encodeURIComponent(name)}`
    const pipeline = await client.api.request({ method: 'GET', path, schema: pipelineResponse })
    if (flags.source) return printForeign(deps.io.stdout, pipeline.source ?? '')
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
      ['created', pipeline.createdAt],
      ['updated', pipeline.updatedAt],
    ])
  },
})

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

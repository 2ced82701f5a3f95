import { type RunResponse, runResponse } from '../../../contract/api/runs.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { runPath } from '../../client/run-api-path.ts'
import { printRecord } from '../../output/print.ts'

export const command = defineCommand({
  summary: 'Show one run and its tasks',
  examples: ['fob runs show run_019a…', 'fob runs show run_019a… -o json'],
  flags: {},
  positionals: { id: { arity: 'required', description: 'the run', completes: 'run' } },
  async run({ positionals: { id }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = runPath(id)
    const run = await client.api.request({ method: 'GET', path, schema: runResponse })
    printRecord(deps.io, client.format, run, [
      ['id', run.id],
      ['pipeline', run.pipeline],
      ['status', run.status],
      ...(run.message === null ? [] : [['message', run.message] as const]),
      ...(run.attempt === undefined || run.attempt === 1 ? [] : [['attempt', String(run.attempt)] as const]),
      ['by', run.triggeredBy],
      ['created', run.createdAt],
      ['started', run.startedAt ?? ''],
      ['ended', run.endedAt ?? ''],
      ...(typeof run.logRemovedAt === 'string' ? [['log', `removed ${run.logRemovedAt}`] as const] : []),
      ...(run.tasks ?? []).map((task) => [`task ${task.name}`, describe(task)] as const),
      ...(run.redactions ?? []).map((redaction) => ['redacted', count(redaction)] as const),
    ])
  },
})

function count({ secret, hits, in: place }: NonNullable<RunResponse['redactions']>[number]): string {
  return `${hits} ${hits === 1 ? 'hit' : 'hits'} of ${secret} in ${place}`
}

function describe({ status, code, attempt = 1 }: NonNullable<RunResponse['tasks']>[number]): string {
  const ended = code === null || code === 0 ? status : `${status} (exit code ${code})`
  return attempt === 1 ? ended : `${ended}, attempt ${attempt}`
}

/** `fob runs show`: shows one run and its tasks. */
import { type RunResponse, runResponse } from '../../../contract/api/runs.ts'
import { openClient } from '../../client/command-context.ts'
import { runPath } from '../../client/run-api-path.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printRecord } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Show one run and its tasks',
    examples: ['fob runs show run_019a…', 'fob runs show run_019a… -o json'],
  },
  args: { id: { type: 'positional', description: 'the run', completes: 'run' } },
  run: ({ args, globals }, deps) => showRun({ globals, id: args.id }, deps),
})

interface ShowRunOptions {
  globals: Globals
  id: string
}

async function showRun({ globals, id }: ShowRunOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const run = await client.api.request({ method: 'GET', path: runPath(id), schema: runResponse })
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
    ...(run.tasks ?? []).map((task) => [`task ${task.name}`, taskText(task)] as const),
    ...(run.redactions ?? []).map((redaction) => ['redacted', redactionText(redaction)] as const),
  ])
}

function redactionText({ secret, hits, in: place }: NonNullable<RunResponse['redactions']>[number]): string {
  return `${hits} ${hits === 1 ? 'hit' : 'hits'} of ${secret} in ${place}`
}

function taskText({ status, code, attempt = 1 }: NonNullable<RunResponse['tasks']>[number]): string {
  const ended = code === null || code === 0 ? status : `${status} (exit code ${code})`
  return attempt === 1 ? ended : `${ended}, attempt ${attempt}`
}

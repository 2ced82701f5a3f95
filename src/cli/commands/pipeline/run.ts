import * as v from 'valibot'
import { MAX_RUN_HOURS, runStarted } from '../../../contract/api/runs.ts'
import { Fault } from '../../../contract/fault.ts'
import { type Client, openClient } from '../../client/client.ts'
import { defineCommand, type Flags } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { failedHint, followRun } from '../../output/follow-run.ts'
import { parseKeyValues } from '../../parsing/key-values.ts'
import { printRecord } from '../../output/print.ts'
import { readTask } from '../../input/read-task.ts'
import { parseTimeout } from '../../parsing/duration.ts'

/** Those of `fob run` too. */
export const RUN_FLAGS = {
  task: {
    type: 'string',
    value: 'TEXT',
    description: 'reaches the script as pipelineContext.task; "-" reads it from standard input',
  },
  'global-secret': {
    type: 'strings',
    value: 'KEY=VALUE',
    description:
      'first set a secret for all pipelines (better: fob secrets set KEY, which no process list shows)',
  },
  timeout: {
    type: 'string',
    value: 'TIME',
    description: 'stop the run when it takes longer than this from when it begins: 30s, 5m, 2h',
  },
  detach: { type: 'boolean', short: 'd', description: 'print the ID of the run and leave' },
} as const satisfies Flags

export const command = defineCommand({
  summary: 'Run a pipeline and follow its log',
  description: 'Exits 0 when the run succeeds and 1 when it fails. Ctrl-C stops following, not the run.',
  examples: [
    'fob pipeline run deploy',
    'fob pipeline run deploy staging --task "roll back"',
    'fob pipeline run deploy --timeout 10m --detach -o json',
  ],
  flags: RUN_FLAGS,
  positionals: {
    name: { arity: 'required', description: 'the pipeline', completes: 'pipeline' },
    args: { arity: 'many', description: 'reach the script as pipelineContext.args' },
  },
  async run({ flags, positionals, globals }, deps) {
    const options: RunPipeline = {
      name: positionals.name,
      args: positionals.args,
      task: await readTask(flags.task, deps),
      globalSecrets: parseKeyValues(flags['global-secret'], '--global-secret'),
      timeoutMs: readTimeLimit(flags.timeout),
      detach: flags.detach,
    }
    await runPipeline(options, await openClient(deps, globals), deps)
  },
})

export interface RunPipeline {
  name: string
  args: readonly string[]
  task: string | undefined
  globalSecrets: ReadonlyMap<string, string>
  timeoutMs: number | undefined
  detach: boolean
}

/** @throws Fault `usage` */
export function readTimeLimit(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseTimeout(text, '--timeout', MAX_RUN_HOURS)
}

/** @throws Fault `run_failed` when the run ends badly */
export async function runPipeline(options: RunPipeline, client: Client, deps: Deps): Promise<void> {
  for (const [key, value] of options.globalSecrets) {
    const path = `/api/secrets/${encodeURIComponent(key)}`
    await client.api.request({ method: 'PUT', path, body: { value }, schema: v.unknown() })
  }
  const { run_id: runId } = await client.api.request({
    method: 'POST',
    path: `/api/pipelines/${encodeURIComponent(options.name)}/run`,
    // What is undefined is left out.
    body: { args: options.args, task: options.task, timeoutMs: options.timeoutMs },
    schema: runStarted,
    ifLost: {
      fact: 'a run may have begun',
      hint: `look before you run it again: fob runs list -p ${options.name}`,
    },
  })
  if (options.detach) return printRecord(deps.io, client.format, { id: runId }, [['run', runId]])
  client.say(`Run ${runId}`)
  const status = await followRun(client, deps, runId)
  if (status === 'success') return
  const ended = status === 'stopped' ? 'was stopped' : 'failed'
  throw new Fault('run_failed', `the run of ${options.name} ${ended}`, { hint: failedHint(runId) })
}

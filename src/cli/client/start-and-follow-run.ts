/** Starts a run of a pipeline and follows it: what `fob run` and `fob pipeline run` share, flags included. */
import * as v from 'valibot'
import { runStarted } from '../../contract/api/runs.ts'
import { Fault } from '../../contract/fault.ts'
import type { Deps } from '../deps.ts'
import { readScriptFlags, SCRIPT_FLAGS } from '../input/script-input-arguments.ts'
import { failedHint, followRun } from '../output/follow-run.ts'
import { printRecord } from '../output/print.ts'
import type { Args, Values } from '../parsing/argument-definitions.ts'
import { parseKeyValues } from '../parsing/key-value-arguments.ts'
import type { Client } from './command-context.ts'
import { openWebPage } from './open-server-page-in-browser.ts'
import { runPageUrl } from './run-api-path-and-page-url.ts'

export const RUN_FLAGS = {
  ...SCRIPT_FLAGS,
  'global-secret': {
    type: 'string',
    repeatable: true,
    valueHint: 'KEY=VALUE',
    description:
      'first set a secret for all pipelines (better: fob secrets set KEY, which no process list shows)',
  },
  detach: {
    type: 'boolean',
    alias: 'd',
    default: false,
    description: 'print the ID of the run, and do not follow it',
  },
  web: {
    type: 'boolean',
    alias: 'w',
    default: false,
    description: 'open the page of the run in the browser too',
  },
} as const satisfies Args

export interface RunPipelineOptions {
  name: string
  args: readonly string[]
  task: string | undefined
  globalSecrets: ReadonlyMap<string, string>
  timeoutMs: number | undefined
  detach: boolean
  web: boolean
}

/** What the flags say; the task may come from standard input. @throws Fault `usage`, `prompt_needed` */
export async function readRunFlags(
  flags: Values<typeof RUN_FLAGS>,
  deps: Deps,
): Promise<Omit<RunPipelineOptions, 'name' | 'args'>> {
  return {
    ...(await readScriptFlags(flags, deps)),
    globalSecrets: parseKeyValues(flags['global-secret'], '--global-secret'),
    detach: flags.detach,
    web: flags.web,
  }
}

/** @throws Fault `run_failed` when the run fails or is stopped */
export async function runPipeline(options: RunPipelineOptions, client: Client, deps: Deps): Promise<void> {
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
      fact: 'a run may have started',
      hint: `look before you run it again: fob runs list -p ${options.name}`,
    },
  })
  const url = runPageUrl(client.server, runId)
  if (!options.detach) client.say(`Run ${runId}`)
  client.say(url)
  if (options.web) await openWebPage(url, deps).catch((error: unknown) => sayFault(error, client))
  if (options.detach) return printRecord(deps.io, client.format, { id: runId, url }, [['run', runId]])
  const status = await followRun(client, deps, runId)
  if (status === 'success') return
  const ended = status === 'stopped' ? 'was stopped' : 'failed'
  throw new Fault('run_failed', `the run of ${options.name} ${ended}`, { hint: failedHint(runId) })
}

/** For what must not keep the run from being followed. */
function sayFault(error: unknown, { say }: Client): void {
  if (!(error instanceof Fault)) throw error
  say(`warning: ${error.message}`)
}

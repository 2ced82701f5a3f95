/** The arguments of commands that run a pipeline, on a server or here: what the script gets, and how long it may take. */
import { MAX_RUN_HOURS } from '../../contract/api/runs.ts'
import type { Deps } from '../deps.ts'
import type { Args, Values } from '../parsing/argument-definitions.ts'
import { parseTimeout } from '../parsing/duration-flags.ts'
import { readTask } from './read-task-text.ts'

export const SCRIPT_FLAGS = {
  task: {
    type: 'string',
    valueHint: 'TEXT',
    description: 'the script gets it as pipelineContext.task; "-" reads it from standard input',
  },
  timeout: {
    type: 'string',
    valueHint: 'TIME',
    description: 'stop the run when it takes longer than this from its start: 30s, 5m, 2h',
  },
} as const satisfies Args

/** Last, as it takes all that is left. */
export const SCRIPT_ARGUMENTS = {
  args: {
    type: 'positional',
    required: false,
    rest: true,
    description: 'the script gets them as pipelineContext.args',
  },
} as const satisfies Args

/** @throws Fault `usage`, `prompt_needed` */
export async function readScriptFlags(
  { task, timeout }: Values<typeof SCRIPT_FLAGS>,
  deps: Deps,
): Promise<{ task: string | undefined; timeoutMs: number | undefined }> {
  return {
    task: await readTask(task, deps),
    timeoutMs: timeout === undefined ? undefined : parseTimeout(timeout, '--timeout', MAX_RUN_HOURS),
  }
}

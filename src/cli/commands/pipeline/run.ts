/** `fob pipeline run`: starts a run of a pipeline and follows its log. */
import { openClient } from '../../client/command-context.ts'
import {
  readRunFlags,
  RUN_FLAGS,
  type RunPipelineOptions,
  runPipeline,
} from '../../client/start-and-follow-run.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { SCRIPT_ARGUMENTS } from '../../input/script-input-arguments.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Run a pipeline and follow its log',
    details: 'Exits 0 when the run succeeds and 1 when it fails. Ctrl-C stops following, not the run.',
    examples: [
      'fob pipeline run deploy',
      'fob pipeline run deploy staging --task "roll back"',
      'fob pipeline run deploy --timeout 10m --detach -o json',
    ],
  },
  args: {
    ...RUN_FLAGS,
    name: { type: 'positional', description: 'the pipeline', completes: 'pipeline' },
    ...SCRIPT_ARGUMENTS,
  },
  run: async ({ args, globals }, deps) => {
    const options = { ...(await readRunFlags(args, deps)), name: args.name, args: args.args }
    await runAtServer({ ...options, globals }, deps)
  },
})

async function runAtServer(
  { globals, ...options }: RunPipelineOptions & { globals: Globals },
  deps: Deps,
): Promise<void> {
  await runPipeline(options, await openClient(deps, globals), deps)
}

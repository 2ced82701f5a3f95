/** `fob pipeline pause`: keeps runs of a pipeline from starting. */
import { pipelineResponse } from '../../../contract/api/pipelines.ts'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Pause a pipeline, so that no run of it starts',
    details: `No run starts by hand, by a webhook or on a schedule. A run that has started continues; queued runs wait. Runs that
schedules would have started while the pipeline is paused are not made up for.`,
    examples: ['fob pipeline pause deploy'],
  },
  args: { name: { type: 'positional', description: 'the pipeline', completes: 'pipeline' } },
  run: ({ args, globals }, deps) => pausePipeline({ globals, name: args.name }, deps),
})

interface PausePipelineOptions {
  globals: Globals
  name: string
}

async function pausePipeline({ globals, name }: PausePipelineOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const path = `/api/pipelines/${encodeURIComponent(name)}/pause`
  await client.api.request({ method: 'POST', path, schema: pipelineResponse })
  client.say(`Paused ${name}. To let it run again: fob pipeline unpause ${name}`)
}

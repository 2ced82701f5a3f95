/** `fob pipeline unpause`: lets runs of a paused pipeline start again. */
import { pipelineResponse } from '../../../contract/api/pipelines.ts'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: { description: 'Let a paused pipeline run again', examples: ['fob pipeline unpause deploy'] },
  args: { name: { type: 'positional', description: 'the pipeline', completes: 'pipeline' } },
  run: ({ args, globals }, deps) => unpausePipeline({ globals, name: args.name }, deps),
})

interface UnpausePipelineOptions {
  globals: Globals
  name: string
}

async function unpausePipeline({ globals, name }: UnpausePipelineOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const path = `/api/pipelines/${encodeURIComponent(name)}/unpause`
  await client.api.request({ method: 'POST', path, schema: pipelineResponse })
  client.say(`${name} runs again`)
}

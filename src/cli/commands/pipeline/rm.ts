/** `fob pipeline rm`: deletes a pipeline. */
import * as v from 'valibot'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Delete a pipeline and its secrets',
    details: 'Its queued runs are stopped; a run that has started continues. The records of its runs stay.',
    examples: ['fob pipeline rm deploy'],
  },
  args: { name: { type: 'positional', description: 'the pipeline', completes: 'pipeline' } },
  run: ({ args, globals }, deps) => deletePipeline({ globals, name: args.name }, deps),
})

interface DeletePipelineOptions {
  globals: Globals
  name: string
}

async function deletePipeline({ globals, name }: DeletePipelineOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const path = `/api/pipelines/${encodeURIComponent(name)}`
  await client.api.request({ method: 'DELETE', path, schema: v.unknown() })
  client.did({ name, deleted: true }, `Deleted ${name}`)
}

/** `fob pipeline list`: lists pipelines. */
import { pipelineResponse } from '../../../contract/api/pipelines.ts'
import { openClient } from '../../client/command-context.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: { description: 'List pipelines', examples: ['fob pipeline list', 'fob pipeline list -o json'] },
  args: {},
  run: ({ globals }, deps) => listPipelines({ globals }, deps),
})

interface ListPipelinesOptions {
  globals: Globals
}

async function listPipelines({ globals }: ListPipelinesOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const pipelines = await fetchAll(client.api, '/api/pipelines', pipelineResponse)
  sayIfNone(client, pipelines, 'pipelines')
  printList(deps.io, client.format, pipelines, [
    { title: 'name', cell: (pipeline) => pipeline.name },
    { title: 'driver', cell: (pipeline) => pipeline.driver },
    { title: 'state', cell: (pipeline) => (pipeline.paused ? 'paused' : 'active') },
    { title: 'updated', cell: (pipeline) => pipeline.updatedAt },
  ])
}

import { pipelineResponse } from '../../../contract/api/pipelines.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { printList, sayIfNone } from '../../output/print.ts'

export const command = defineCommand({
  summary: 'List pipelines',
  examples: ['fob pipeline list', 'fob pipeline list -o json'],
  flags: {},
  positionals: {},
  async run({ globals }, deps) {
    const client = await openClient(deps, globals)
    const pipelines = await fetchAll(client.api, '/api/pipelines', pipelineResponse)
    sayIfNone(client, pipelines, 'pipelines')
    printList(deps.io, client.format, pipelines, [
      { title: 'name', cell: (pipeline) => pipeline.name },
      { title: 'driver', cell: (pipeline) => pipeline.driver },
      { title: 'state', cell: (pipeline) => (pipeline.paused ? 'paused' : 'active') },
      { title: 'updated', cell: (pipeline) => pipeline.updatedAt },
    ])
  },
})

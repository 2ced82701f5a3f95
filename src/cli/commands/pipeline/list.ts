/** `fob pipeline list`: lists pipelines. */
import { pipelineResponse } from '../../../contract/api/pipelines.ts'
import { openClient } from '../../client/command-context.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import { timesFor } from '../../output/format-times.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { LIMIT_FLAG, parseLimit } from '../../parsing/limit-flag.ts'

const STATES = ['active', 'paused'] as const

export const command = defineCommand({
  meta: {
    description: 'List pipelines',
    examples: ['fob pipeline list', 'fob pipeline list --status paused', 'fob pipeline list -o json'],
  },
  args: {
    status: {
      type: 'enum',
      options: STATES,
      valueHint: 'STATUS',
      description: 'only pipelines that are active, or paused',
    },
    ...LIMIT_FLAG,
  },
  run: ({ args, globals }, deps) =>
    listPipelines({ globals, status: args.status, limit: parseLimit(args.limit) }, deps),
})

interface ListPipelinesOptions {
  globals: Globals
  status: (typeof STATES)[number] | undefined
  limit: number | undefined
}

async function listPipelines({ globals, status, limit }: ListPipelinesOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const pipelines = await fetchAll(client.api, '/api/pipelines', pipelineResponse, {
    limit,
    ...(status === undefined ? {} : { keep: ({ paused }) => paused === (status === 'paused') }),
  })
  sayIfNone(client, pipelines, status === undefined ? 'pipelines' : `${status} pipelines`)
  const times = timesFor(client, deps)
  printList(deps.io, client.format, pipelines, [
    { title: 'name', cell: (pipeline) => pipeline.name },
    { title: 'driver', cell: (pipeline) => pipeline.driver },
    { title: 'state', cell: (pipeline) => (pipeline.paused ? 'paused' : 'active') },
    { title: 'updated', cell: (pipeline) => times.short(pipeline.updatedAt) },
  ])
}

import { runResponse } from '../../../contract/api/runs.ts'
import { Fault } from '../../../contract/fault.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { printList, sayIfNone } from '../../output/print.ts'

export const command = defineCommand({
  summary: 'List runs, newest first',
  examples: ['fob runs list', 'fob runs list --pipeline deploy --limit 5 -o json'],
  flags: {
    pipeline: {
      type: 'string',
      short: 'p',
      value: 'NAME',
      description: 'only runs of this pipeline',
      completes: 'pipeline',
    },
    limit: { type: 'string', short: 'n', value: 'N', description: 'how many (default 30)' },
  },
  positionals: {},
  async run({ flags, globals }, deps) {
    const limit = Number(flags.limit ?? '30')
    if (!Number.isSafeInteger(limit) || limit < 1) throw new Fault('usage', '--limit takes a number from 1')
    const client = await openClient(deps, globals)
    const runs = await fetchAll(client.api, '/api/runs', runResponse, {
      query: { pipeline: flags.pipeline },
      limit,
    })
    sayIfNone(client, runs, 'runs')
    printList(deps.io, client.format, runs, [
      { title: 'id', cell: (run) => run.id },
      { title: 'pipeline', cell: (run) => run.pipeline },
      { title: 'status', cell: (run) => run.status },
      { title: 'by', cell: (run) => run.triggeredBy },
      { title: 'created', cell: (run) => run.createdAt },
    ])
  },
})

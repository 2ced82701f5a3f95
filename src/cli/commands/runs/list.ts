/** `fob runs list`: lists runs, newest first. */
import { runResponse } from '../../../contract/api/runs.ts'
import { Fault } from '../../../contract/fault.ts'
import { openClient } from '../../client/command-context.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'List runs, newest first',
    examples: ['fob runs list', 'fob runs list --pipeline deploy --limit 5 -o json'],
  },
  args: {
    pipeline: {
      type: 'string',
      alias: 'p',
      valueHint: 'NAME',
      description: 'only runs of this pipeline',
      completes: 'pipeline',
    },
    limit: { type: 'string', alias: 'n', valueHint: 'N', description: 'how many (default 30)' },
  },
  run: ({ args, globals }, deps) =>
    listRuns({ globals, pipeline: args.pipeline, limit: parseLimit(args.limit) }, deps),
})

interface ListRunsOptions {
  globals: Globals
  pipeline: string | undefined
  limit: number
}

async function listRuns({ globals, pipeline, limit }: ListRunsOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const runs = await fetchAll(client.api, '/api/runs', runResponse, { query: { pipeline }, limit })
  sayIfNone(client, runs, 'runs')
  printList(deps.io, client.format, runs, [
    { title: 'id', cell: (run) => run.id },
    { title: 'pipeline', cell: (run) => run.pipeline },
    { title: 'status', cell: (run) => run.status },
    { title: 'by', cell: (run) => run.triggeredBy },
    { title: 'created', cell: (run) => run.createdAt },
  ])
}

/** @throws Fault `usage` */
function parseLimit(text = '30'): number {
  const limit = Number(text)
  if (Number.isSafeInteger(limit) && limit >= 1) return limit
  throw new Fault('usage', '--limit takes a number from 1')
}

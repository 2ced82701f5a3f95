/** `fob runs list`: lists runs, newest first. */
import { runResponse } from '../../../contract/api/runs.ts'
import { runStatus, type RunStatus } from '../../../contract/run-events.ts'
import { openClient } from '../../client/command-context.ts'
import { fetchAll, MAX_SEARCHED } from '../../client/fetch-all-pages.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import { timesFor } from '../../output/format-times.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { parseLimit } from '../../parsing/limit-flag.ts'

const DEFAULT_LIMIT = 30

export const command = defineCommand({
  meta: {
    description: 'List runs, newest first',
    examples: [
      'fob runs list',
      'fob runs list --status failed',
      'fob runs list --pipeline deploy --limit 5 -o json',
    ],
  },
  args: {
    pipeline: {
      type: 'string',
      alias: 'p',
      valueHint: 'NAME',
      description: 'only runs of this pipeline',
      completes: 'pipeline',
    },
    status: {
      type: 'enum',
      options: runStatus.options,
      valueHint: 'STATUS',
      description: `only runs that are ${runStatus.options.join(', ')}`,
    },
    limit: {
      type: 'string',
      alias: 'n',
      valueHint: 'N',
      description: `at most this many (default: ${DEFAULT_LIMIT})`,
    },
  },
  run: ({ args, globals }, deps) =>
    listRuns(
      {
        globals,
        pipeline: args.pipeline,
        status: args.status,
        limit: parseLimit(args.limit) ?? DEFAULT_LIMIT,
      },
      deps,
    ),
})

interface ListRunsOptions {
  globals: Globals
  pipeline: string | undefined
  status: RunStatus | undefined
  limit: number
}

async function listRuns(options: ListRunsOptions, deps: Deps): Promise<void> {
  const { globals, pipeline, status, limit } = options
  const client = await openClient(deps, globals)
  const runs = await fetchAll(client.api, '/api/runs', runResponse, {
    query: { pipeline, status },
    limit,
    ...(status === undefined ? {} : { keep: (run) => run.status === status }),
    onGivenUp: () => client.say(`only the newest ${MAX_SEARCHED} runs were searched`),
  })
  const kind = status === undefined ? 'runs' : `${status} runs`
  sayIfNone(client, runs, pipeline === undefined ? kind : `${kind} of ${pipeline}`)
  const times = timesFor(client, deps)
  printList(deps.io, client.format, runs, [
    { title: 'id', cell: (run) => run.id },
    { title: 'pipeline', cell: (run) => run.pipeline },
    { title: 'status', cell: (run) => run.status },
    { title: 'by', cell: (run) => run.triggeredBy },
    { title: 'created', cell: (run) => times.short(run.createdAt) },
  ])
}

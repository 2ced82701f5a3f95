/** `fob runners list`: lists the runners of the tenant. */
import { RUNNER_STATUSES, type RunnerResponse, runnerResponse } from '../../../contract/api/runners.ts'
import { openClient } from '../../client/command-context.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import { timesFor } from '../../output/format-times.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { LIMIT_FLAG, parseLimit } from '../../parsing/limit-flag.ts'

export const command = defineCommand({
  meta: {
    description: 'List runners',
    examples: ['fob runners list', 'fob runners list --status online', 'fob runners list -o json'],
  },
  args: {
    status: {
      type: 'enum',
      options: RUNNER_STATUSES,
      valueHint: 'STATUS',
      description: 'only runners that are online, busy or offline',
    },
    ...LIMIT_FLAG,
  },
  run: ({ args, globals }, deps) =>
    listRunners({ globals, status: args.status, limit: parseLimit(args.limit) }, deps),
})

interface ListRunnersOptions {
  globals: Globals
  status: RunnerResponse['status'] | undefined
  limit: number | undefined
}

async function listRunners({ globals, status, limit }: ListRunnersOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const runners = await fetchAll(client.api, '/api/runners', runnerResponse, {
    limit,
    ...(status === undefined ? {} : { keep: (runner) => runner.status === status }),
  })
  sayIfNone(client, runners, status === undefined ? 'runners' : `${status} runners`)
  const times = timesFor(client, deps)
  printList(deps.io, client.format, runners, [
    { title: 'id', cell: (runner) => runner.id },
    { title: 'name', cell: (runner) => runner.name },
    { title: 'status', cell: (runner) => runner.status },
    { title: 'version', cell: (runner) => runner.version ?? '-' },
    {
      title: 'last seen',
      cell: ({ lastSeenAt }) => (lastSeenAt === null ? 'never' : times.short(lastSeenAt)),
    },
  ])
}

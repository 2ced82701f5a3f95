/** `fob runners list`: lists the runners of the tenant. */
import { runnerResponse } from '../../../contract/api/runners.ts'
import { openClient } from '../../client/command-context.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: { description: 'List runners', examples: ['fob runners list', 'fob runners list -o json'] },
  args: {},
  run: ({ globals }, deps) => listRunners({ globals }, deps),
})

interface ListRunnersOptions {
  globals: Globals
}

async function listRunners({ globals }: ListRunnersOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const runners = await fetchAll(client.api, '/api/runners', runnerResponse)
  sayIfNone(client, runners, 'runners')
  printList(deps.io, client.format, runners, [
    { title: 'id', cell: (runner) => runner.id },
    { title: 'name', cell: (runner) => runner.name },
    { title: 'status', cell: (runner) => runner.status },
    { title: 'version', cell: (runner) => runner.version ?? '-' },
    { title: 'last seen', cell: (runner) => runner.lastSeenAt ?? 'never' },
  ])
}

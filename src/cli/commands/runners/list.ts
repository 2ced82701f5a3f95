import { runnerResponse } from '../../../contract/api/runners.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { printList, sayIfNone } from '../../output/print.ts'

export const command = defineCommand({
  summary: 'List runners',
  examples: ['fob runners list', 'fob runners list -o json'],
  flags: {},
  positionals: {},
  async run({ globals }, deps) {
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
  },
})

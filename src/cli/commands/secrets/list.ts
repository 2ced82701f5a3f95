import { secretResponse } from '../../../contract/api/secrets.ts'
import { page } from '../../../contract/paged-list.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { printList, sayIfNone } from '../../output/print.ts'

export const command = defineCommand({
  summary: 'List the names of secrets',
  examples: ['fob secrets list', 'fob secrets list --pipeline deploy -o json'],
  flags: {
    pipeline: {
      type: 'string',
      short: 'p',
      value: 'NAME',
      description: 'only those of this pipeline',
      completes: 'pipeline',
    },
  },
  positionals: {},
  async run({ flags, globals }, deps) {
    const client = await openClient(deps, globals)
    const { items } = await client.api.request({
      method: 'GET',
      path: '/api/secrets',
      query: { pipeline: flags.pipeline },
      schema: page(secretResponse),
    })
    sayIfNone(client, items, 'secrets')
    printList(deps.io, client.format, items, [
      { title: 'key', cell: (secret) => secret.key },
      {
        title: 'scope',
        cell: (secret) => (secret.scope === 'pipeline' ? (secret.pipeline ?? secret.scope) : secret.scope),
      },
      { title: 'updated', cell: (secret) => secret.updatedAt },
      { title: 'last used', cell: (secret) => secret.lastUsedAt ?? 'never' },
      { title: 'by run', cell: (secret) => secret.lastRun ?? '' },
    ])
  },
})

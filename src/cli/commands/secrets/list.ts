/** `fob secrets list`: lists the names of secrets, never their values. */
import { secretResponse } from '../../../contract/api/secrets.ts'
import { page } from '../../../contract/list-page-schema.ts'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import { timesFor } from '../../output/format-times.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { LIMIT_FLAG, parseLimit } from '../../parsing/limit-flag.ts'

export const command = defineCommand({
  meta: {
    description: 'List the names of secrets',
    examples: ['fob secrets list', 'fob secrets list --pipeline deploy -o json'],
  },
  args: {
    pipeline: {
      type: 'string',
      alias: 'p',
      valueHint: 'NAME',
      description: 'only those of this pipeline',
      completes: 'pipeline',
    },
    ...LIMIT_FLAG,
  },
  run: ({ args, globals }, deps) =>
    listSecrets({ globals, pipeline: args.pipeline, limit: parseLimit(args.limit) }, deps),
})

interface ListSecretsOptions {
  globals: Globals
  pipeline: string | undefined
  limit: number | undefined
}

async function listSecrets({ globals, pipeline, limit }: ListSecretsOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const response = await client.api.request({
    method: 'GET',
    path: '/api/secrets',
    query: { pipeline },
    schema: page(secretResponse),
  })
  const items = response.items.slice(0, limit)
  sayIfNone(client, items, 'secrets')
  const times = timesFor(client, deps)
  printList(deps.io, client.format, items, [
    { title: 'key', cell: (secret) => secret.key },
    {
      title: 'scope',
      cell: (secret) => (secret.scope === 'pipeline' ? (secret.pipeline ?? secret.scope) : secret.scope),
    },
    { title: 'updated', cell: (secret) => times.short(secret.updatedAt) },
    {
      title: 'last used',
      cell: ({ lastUsedAt }) => (typeof lastUsedAt === 'string' ? times.short(lastUsedAt) : 'never'),
    },
    { title: 'by run', cell: (secret) => secret.lastRun ?? '' },
  ])
}

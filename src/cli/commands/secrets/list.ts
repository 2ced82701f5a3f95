/** `fob secrets list`: lists the names of secrets, never their values. */
import { secretResponse } from '../../../contract/api/secrets.ts'
import { page } from '../../../contract/list-page-schema.ts'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'

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
  },
  run: ({ args, globals }, deps) => listSecrets({ globals, pipeline: args.pipeline }, deps),
})

interface ListSecretsOptions {
  globals: Globals
  pipeline: string | undefined
}

async function listSecrets({ globals, pipeline }: ListSecretsOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const { items } = await client.api.request({
    method: 'GET',
    path: '/api/secrets',
    query: { pipeline },
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
}

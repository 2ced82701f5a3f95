/** `fob secrets rm`: deletes a secret. */
import * as v from 'valibot'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import {
  parsePlace,
  placeFlags,
  placeName,
  placeRecord,
  placeQuery,
  type SecretPlace,
} from '../../parsing/secret-scope-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Delete a secret',
    examples: ['fob secrets rm API_KEY', 'fob secrets rm API_KEY --pipeline deploy'],
  },
  args: {
    ...placeFlags,
    key: { type: 'positional', description: 'the name of the secret', completes: 'secret' },
  },
  run: ({ args, globals }, deps) => deleteSecret({ globals, key: args.key, place: parsePlace(args) }, deps),
})

interface DeleteSecretOptions {
  globals: Globals
  key: string
  place: SecretPlace
}

async function deleteSecret({ globals, key, place }: DeleteSecretOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  await client.api.request({
    method: 'DELETE',
    path: `/api/secrets/${encodeURIComponent(key)}`,
    query: placeQuery(place),
    schema: v.unknown(),
  })
  client.did({ key, ...placeRecord(place), deleted: true }, `Deleted ${key} ${placeName(place)}`)
}

import * as v from 'valibot'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { placeName, placeOf, placeQuery, scopeFlags } from '../../parsing/secret-place.ts'

export const command = defineCommand({
  summary: 'Delete a secret',
  examples: ['fob secrets rm API_KEY', 'fob secrets rm API_KEY --pipeline deploy'],
  flags: scopeFlags,
  positionals: { key: { arity: 'required', description: 'its name', completes: 'secret' } },
  async run({ flags, positionals: { key }, globals }, deps) {
    const client = await openClient(deps, globals)
    await client.api.request({
      method: 'DELETE',
      path: `/api/secrets/${encodeURIComponent(key)}`,
      query: placeQuery(flags),
      schema: v.unknown(),
    })
    client.did({ key, ...placeOf(flags), deleted: true }, `Deleted ${key} ${placeName(flags)}`)
  },
})

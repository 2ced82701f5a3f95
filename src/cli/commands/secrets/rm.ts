import * as v from 'valibot'
import { openClient } from '../../client.ts'
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  summary: 'Delete a secret',
  examples: ['fob secrets rm API_KEY', 'fob secrets rm API_KEY --pipeline deploy'],
  flags: { pipeline: { type: 'string', short: 'p', value: 'NAME', description: "this pipeline's own" } },
  positionals: { key: { arity: 'required', description: 'its name' } },
  async run({ flags, positionals: { key }, globals }, deps) {
    const client = await openClient(deps, globals)
    await client.api.request({
      method: 'DELETE',
      path: `/api/secrets/${encodeURIComponent(key)}`,
      query: { pipeline: flags.pipeline },
      schema: v.unknown(),
    })
    client.say(`Deleted ${key}`)
  },
})

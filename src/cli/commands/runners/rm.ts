import * as v from 'valibot'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  summary: 'Delete a runner',
  description: 'Its token stops working at once.',
  examples: ['fob runners rm rnr_019a…'],
  flags: {},
  positionals: {
    id: { arity: 'required', description: 'its ID, from fob runners list', completes: 'runner' },
  },
  async run({ positionals: { id }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = `/api/runners/${encodeURIComponent(id)}`
    await client.api.request({ method: 'DELETE', path, schema: v.unknown() })
    client.did({ id, deleted: true }, `Deleted ${id}`)
  },
})

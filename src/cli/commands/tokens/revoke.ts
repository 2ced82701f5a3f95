import * as v from 'valibot'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  summary: 'End a token',
  description: 'Whatever uses it stops working at once.',
  examples: ['fob tokens revoke tok_019a…'],
  flags: {},
  positionals: { id: { arity: 'required', description: 'its ID, from fob tokens list', completes: 'token' } },
  async run({ positionals: { id }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = `/api/auth/cli-tokens/${encodeURIComponent(id)}`
    await client.api.request({ method: 'DELETE', path, schema: v.unknown() })
    client.did({ id, revoked: true }, `Revoked ${id}`)
  },
})

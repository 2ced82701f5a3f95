import * as v from 'valibot'
import { openClient } from '../../client.ts'
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  summary: 'Stop a run',
  examples: ['fob runs stop run_019a…'],
  flags: {},
  positionals: { id: { arity: 'required', description: 'the run' } },
  async run({ positionals: { id }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = `/api/runs/${encodeURIComponent(id)}/stop`
    await client.api.request({ method: 'POST', path, schema: v.unknown() })
    client.say(`Stopping ${id}`)
  },
})

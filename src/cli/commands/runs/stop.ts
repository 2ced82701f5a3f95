import * as v from 'valibot'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { runPath } from '../../client/run-api-path.ts'

export const command = defineCommand({
  summary: 'Stop a run',
  examples: ['fob runs stop run_019a…'],
  flags: {},
  positionals: { id: { arity: 'required', description: 'the run', completes: 'run' } },
  async run({ positionals: { id }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = `${runPath(id)}/stop`
    await client.api.request({ method: 'POST', path, schema: v.unknown() })
    client.did({ id, stopping: true }, `Stopping ${id}`)
  },
})

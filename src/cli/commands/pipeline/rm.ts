import * as v from 'valibot'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  summary: 'Delete a pipeline and its secrets; its runs stay on record',
  description: 'Runs of it that are queued are stopped; one that has begun goes on.',
  examples: ['fob pipeline rm deploy'],
  flags: {},
  positionals: { name: { arity: 'required', description: 'its name', completes: 'pipeline' } },
  async run({ positionals: { name }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = `/api/pipelines/${encodeURIComponent(name)}`
    await client.api.request({ method: 'DELETE', path, schema: v.unknown() })
    client.did({ name, deleted: true }, `Deleted ${name}`)
  },
})

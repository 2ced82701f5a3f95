import { pipelineResponse } from '../../../contract/api/pipelines.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  summary: 'Let a paused pipeline run again',
  examples: ['fob pipeline unpause deploy'],
  flags: {},
  positionals: { name: { arity: 'required', description: 'its name', completes: 'pipeline' } },
  async run({ positionals: { name }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = `/api/pipelines/${encodeURIComponent(name)}/unpause`
    await client.api.request({ method: 'POST', path, schema: pipelineResponse })
    client.say(`${name} runs again`)
  },
})

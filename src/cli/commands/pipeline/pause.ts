import { pipelineResponse } from '../../../contract/api/pipelines.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  summary: 'Let no run of a pipeline begin: by hand, by a webhook or on a schedule',
  description:
    'What goes on goes on, and what is queued waits. What schedules miss meanwhile is not made up for.',
  examples: ['fob pipeline pause deploy'],
  flags: {},
  positionals: { name: { arity: 'required', description: 'its name', completes: 'pipeline' } },
  async run({ positionals: { name }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = `/api/pipelines/${encodeURIComponent(name)}/pause`
    await client.api.request({ method: 'POST', path, schema: pipelineResponse })
    client.say(`Paused ${name}. Go on with: fob pipeline unpause ${name}`)
  },
})

import { createdRunner } from '../../../contract/api/runners.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { printOnce } from '../../output/print-secret-once.ts'

export const command = defineCommand({
  summary: "Replace a runner's token",
  description: 'The old token stops working at once. The new one goes to standard output, once.',
  examples: ['fob runners regenerate rnr_019a…'],
  flags: {},
  positionals: {
    id: { arity: 'required', description: 'its ID, from fob runners list', completes: 'runner' },
  },
  async run({ positionals: { id }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = `/api/runners/${encodeURIComponent(id)}/regenerate`
    const runner = await client.api.request({ method: 'POST', path, schema: createdRunner })
    printOnce(deps, client, runner, {
      about: `Replaced the token of ${runner.name}; the old one has stopped working`,
      unseen: `replace it once more with fob runners regenerate ${runner.id}`,
    })
  },
})

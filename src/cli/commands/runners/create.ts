import { createdRunner } from '../../../contract/api/runners.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { printOnce } from '../../output/print-secret-once.ts'

export const command = defineCommand({
  summary: 'Register a runner',
  description: "The runner's token goes to standard output, once.",
  examples: ['fob runners create build-1', 'fob runners create build-1 -o json'],
  flags: {},
  positionals: { name: { arity: 'required', description: 'what you will know it by' } },
  async run({ positionals: { name }, globals }, deps) {
    const client = await openClient(deps, globals)
    const runner = await client.api.request({
      method: 'POST',
      path: '/api/runners',
      body: { name },
      schema: createdRunner,
    })
    printOnce(deps, client, runner, {
      about: `Registered ${runner.id}; its token goes into FOB_RUNNER_TOKEN there`,
      unseen: `replace it with fob runners regenerate ${runner.id}`,
    })
  },
})

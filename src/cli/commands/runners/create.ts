/** `fob runners create`: registers a runner and prints its token. */
import { createdRunner } from '../../../contract/api/runners.ts'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printSecretOnce } from '../../output/print-secret-once.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Register a runner',
    details: 'Prints the token of the runner to standard output, once.',
    examples: ['fob runners create build-1', 'fob runners create build-1 -o json'],
  },
  args: { name: { type: 'positional', description: 'a name for the runner' } },
  run: ({ args, globals }, deps) => createRunner({ globals, name: args.name }, deps),
})

interface CreateRunnerOptions {
  globals: Globals
  name: string
}

async function createRunner({ globals, name }: CreateRunnerOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const runner = await client.api.request({
    method: 'POST',
    path: '/api/runners',
    body: { name },
    schema: createdRunner,
  })
  printSecretOnce(deps, client, runner, {
    about: `Registered ${runner.id}; on its machine, set FOB_RUNNER_TOKEN to this token`,
    unseen: `replace it with fob runners regenerate ${runner.id}`,
  })
}

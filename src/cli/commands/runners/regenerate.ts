/** `fob runners regenerate`: replaces the token of a runner. */
import { createdRunner } from '../../../contract/api/runners.ts'
import { openClient } from '../../client/command-context.ts'
import { findRunnerId } from '../../client/find-by-id-prefix.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printSecretOnce } from '../../output/print-secret-once.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Replace the token of a runner',
    details: 'The old token stops working at once. The new one is printed to standard output, once.',
    examples: ['fob runners regenerate rnr_019a…'],
  },
  args: {
    id: {
      type: 'positional',
      description: 'its ID, from fob runners list, or the beginning of it',
      completes: 'runner',
    },
  },
  run: ({ args, globals }, deps) => regenerateRunner({ globals, id: args.id }, deps),
})

interface RegenerateRunnerOptions {
  globals: Globals
  id: string
}

async function regenerateRunner({ globals, id: typed }: RegenerateRunnerOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const id = await findRunnerId(client, typed)
  const path = `/api/runners/${encodeURIComponent(id)}/regenerate`
  const runner = await client.api.request({ method: 'POST', path, schema: createdRunner })
  printSecretOnce(deps, client, runner, {
    about: `Replaced the token of ${runner.name}; the old one has stopped working`,
    unseen: `replace it once more with fob runners regenerate ${runner.id}`,
  })
}

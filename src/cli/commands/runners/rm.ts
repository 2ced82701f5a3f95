/** `fob runners rm`: deletes a runner. */
import * as v from 'valibot'
import { openClient } from '../../client/command-context.ts'
import { findRunnerId } from '../../client/find-by-id-prefix.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Delete a runner',
    details: 'Its token stops working at once.',
    examples: ['fob runners rm rnr_019a…'],
  },
  args: {
    id: {
      type: 'positional',
      description: 'its ID, from fob runners list, or the beginning of it',
      completes: 'runner',
    },
  },
  run: ({ args, globals }, deps) => deleteRunner({ globals, id: args.id }, deps),
})

interface DeleteRunnerOptions {
  globals: Globals
  id: string
}

async function deleteRunner({ globals, id: typed }: DeleteRunnerOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const id = await findRunnerId(client, typed)
  const path = `/api/runners/${encodeURIComponent(id)}`
  await client.api.request({ method: 'DELETE', path, schema: v.unknown() })
  client.did({ id, deleted: true }, `Deleted ${id}`)
}

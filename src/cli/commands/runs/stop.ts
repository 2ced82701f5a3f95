/** `fob runs stop`: stops a run. */
import * as v from 'valibot'
import { openClient } from '../../client/command-context.ts'
import { findRunId } from '../../client/find-by-id-prefix.ts'
import { runPath } from '../../client/run-api-path-and-page-url.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: { description: 'Stop a run', examples: ['fob runs stop run_019a…'] },
  args: { id: { type: 'positional', description: 'the run, or the beginning of its ID', completes: 'run' } },
  run: ({ args, globals }, deps) => stopRun({ globals, id: args.id }, deps),
})

interface StopRunOptions {
  globals: Globals
  id: string
}

async function stopRun({ globals, id: typed }: StopRunOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const id = await findRunId(client, typed)
  await client.api.request({ method: 'POST', path: `${runPath(id)}/stop`, schema: v.unknown() })
  client.did({ id, stopping: true }, `Stopping ${id}`)
}

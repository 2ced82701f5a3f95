/** `fob pipeline rm`: deletes a pipeline. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { printable } from '../../../platform/terminal/make-text-printable.ts'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { isInteractive } from '../../input/read-secret.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Delete a pipeline and its secrets',
    details: `Its queued runs are stopped; a run that has started continues. The records of its runs stay. At a terminal fob asks
first.`,
    examples: ['fob pipeline rm deploy', 'fob pipeline rm deploy --yes'],
  },
  args: {
    yes: { type: 'boolean', alias: 'y', default: false, description: 'do not ask' },
    name: { type: 'positional', description: 'the pipeline', completes: 'pipeline' },
  },
  run: ({ args, globals }, deps) => deletePipeline({ globals, name: args.name, yes: args.yes }, deps),
})

interface DeletePipelineOptions {
  globals: Globals
  name: string
  yes: boolean
}

async function deletePipeline({ globals, name, yes }: DeletePipelineOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  if (!yes && isInteractive(deps, globals)) await askFirst(name, deps)
  const path = `/api/pipelines/${encodeURIComponent(name)}`
  await client.api.request({ method: 'DELETE', path, schema: v.unknown() })
  client.did({ name, deleted: true }, `Deleted ${name}`)
}

/** Scripts have no terminal, and are not asked. @throws Fault `failed` on a no, `interrupted` */
async function askFirst(name: string, { signal }: Deps): Promise<void> {
  const { confirm } = await import('../../../platform/terminal/prompts.ts')
  const question = `Delete the pipeline ${printable(name)} and its secrets?`
  const reply = await confirm(question, { interactive: true, signal })
  if (reply.status !== 'answered') throw new Fault('interrupted', 'interrupted')
  if (!reply.value)
    throw new Fault('failed', 'nothing was deleted', { hint: 'to delete it without a question: --yes' })
}

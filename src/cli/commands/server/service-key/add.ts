import { withServiceKeys } from '../../../../server/administration/open-data-folder.ts'
import { Fault } from '../../../../contract/fault.ts'
import { ALL_SCOPES, type Scope } from '../../../../contract/token-scopes.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import { chosenFormat } from '../../../output/output-format.ts'
import type { Globals } from '../../../parsing/global-flags.ts'
import { printOnce } from '../../../output/print-secret-once.ts'
import { parseScopes } from '../../../parsing/token-scope-list.ts'
import { type DataFlags, dataFlags, dataFolder } from '../../../administration/data-folder.ts'

export const command = defineCommand({
  summary: 'Make a service key',
  description:
    'A machine sends the key to POST /api/auth/service-token and gets a token of an hour. The key goes to standard output, once. -t names the tenant.',
  examples: [
    'fob server service-key add ci --scope runs:trigger --pipeline deploy',
    'fob server service-key add reports --scope runs:read --all-pipelines --data /var/lib/fob > key',
  ],
  flags: {
    scope: {
      type: 'strings',
      value: 'SCOPE',
      description: 'what its tokens may do, such as runs:read',
      completes: ALL_SCOPES,
    },
    pipeline: { type: 'strings', short: 'p', value: 'NAME', description: 'for this pipeline only' },
    'all-pipelines': { type: 'boolean', description: 'for all pipelines of the tenant' },
    ...dataFlags,
  },
  positionals: { name: { arity: 'required', description: 'what you will know it by' } },
  async run({ flags, positionals, globals }, deps) {
    if (flags['all-pipelines'] === flags.pipeline.length > 0) {
      throw new Fault('usage', 'say which pipelines the key is for', {
        hint: 'either --pipeline NAME or --all-pipelines',
      })
    }
    await addServiceKey(
      {
        name: positionals.name,
        scopes: parseScopes(flags.scope),
        pipelines: flags['all-pipelines'] ? null : flags.pipeline,
        flags,
        globals,
      },
      deps,
    )
  },
})

export interface AddServiceKey {
  name: string
  scopes: readonly Scope[]
  /** Null: all. */
  pipelines: readonly string[] | null
  /** Where. */
  flags: DataFlags
  globals: Globals
}

export async function addServiceKey(options: AddServiceKey, deps: Deps): Promise<void> {
  const { name, scopes, pipelines, globals } = options
  const folder = { dataDir: await dataFolder(deps, options.flags), clock: deps.clock }
  const made = await withServiceKeys(folder, async (keys, audit) => {
    const { value, key } = keys.create({ name, scopes, pipelines, tenant: globals.tenant })
    audit.record({ tenantId: key.tenant.id, actor: 'console', action: 'service-key.create', target: key.id })
    return { id: key.id, name, tenant: key.tenant.slug, scopes, token: value.reveal() }
  })
  const say = (line: string) => void (globals.silent || deps.io.stderr.write(`${line}\n`))
  printOnce(deps, { format: chosenFormat(deps, globals), say }, made, {
    about: `Made the service key ${made.id}`,
    unseen: `delete it with fob server service-key rm ${made.id}`,
  })
}

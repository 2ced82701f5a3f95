/** `fob server service-key add`: creates a service key and prints it once. */
import { Fault } from '../../../../contract/fault.ts'
import { ALL_SCOPES, type Scope } from '../../../../contract/token-scopes.ts'
import { withServiceKeys } from '../../../../server/administration/open-data-folder.ts'
import {
  dataFlags,
  dataFolder,
  type DataOptions,
} from '../../../administration/data-folder-flags-and-access.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import { chosenFormat } from '../../../output/choose-output-format.ts'
import { printSecretOnce } from '../../../output/print-secret-once.ts'
import { parseScopes } from '../../../parsing/parse-token-scopes.ts'

export const command = defineCommand({
  meta: {
    description: 'Create a service key',
    details: `A machine sends the key to POST /api/auth/service-token and gets a token for one hour. The key is printed to standard
output, once. -t names the tenant.`,
    examples: [
      'fob server service-key add ci --scope runs:trigger --pipeline deploy',
      'fob server service-key add reports --scope runs:read --all-pipelines --data /var/lib/fob > key',
    ],
  },
  args: {
    scope: {
      type: 'string',
      repeatable: true,
      valueHint: 'SCOPE',
      description: 'what its tokens may do, such as runs:read',
      completes: ALL_SCOPES,
    },
    pipeline: {
      type: 'string',
      repeatable: true,
      alias: 'p',
      valueHint: 'NAME',
      description: 'for this pipeline only',
    },
    'all-pipelines': {
      type: 'boolean',
      default: false,
      description: 'for all pipelines of the tenant',
    },
    ...dataFlags,
    name: { type: 'positional', description: 'a name for the key' },
  },
  run: ({ args, globals }, deps) => {
    const all = args['all-pipelines']
    if (all === args.pipeline.length > 0) {
      throw new Fault('usage', 'say which pipelines the key is for', {
        hint: 'either --pipeline NAME or --all-pipelines',
      })
    }
    const scopes = parseScopes(args.scope)
    const pipelines = all ? null : args.pipeline
    return addServiceKey({ globals, at: args, name: args.name, scopes, pipelines }, deps)
  },
})

interface AddServiceKeyOptions extends DataOptions {
  name: string
  scopes: readonly Scope[]
  /** Null: all. */
  pipelines: readonly string[] | null
}

async function addServiceKey(options: AddServiceKeyOptions, deps: Deps): Promise<void> {
  const { globals, name, scopes, pipelines } = options
  const folder = { dataDir: await dataFolder(options.at, deps), clock: deps.clock }
  const created = await withServiceKeys(folder, async (keys, audit) => {
    const { value, key } = keys.create({ name, scopes, pipelines, tenant: globals.tenant })
    audit.record({ tenantId: key.tenant.id, actor: 'console', action: 'service-key.create', target: key.id })
    return { id: key.id, name, tenant: key.tenant.slug, scopes, token: value.reveal() }
  })
  const say = (line: string) => void (globals.silent || deps.io.stderr.write(`${line}\n`))
  printSecretOnce(deps, { format: chosenFormat(deps, globals), say }, created, {
    about: `Created the service key ${created.id}`,
    unseen: `delete it with fob server service-key rm ${created.id}`,
  })
}

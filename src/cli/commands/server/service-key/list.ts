/** `fob server service-key list`: lists the service keys of a server. */
import { withServiceKeys } from '../../../../server/administration/open-data-folder.ts'
import {
  dataFlags,
  dataFolder,
  type DataOptions,
} from '../../../administration/data-folder-flags-and-access.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import { chosenFormat } from '../../../output/choose-output-format.ts'
import { printList } from '../../../output/print.ts'

export const command = defineCommand({
  meta: {
    description: 'List service keys',
    examples: ['fob server service-key list', 'fob server service-key list --data /var/lib/fob -o json'],
  },
  args: dataFlags,
  run: ({ args, globals }, deps) => listServiceKeys({ globals, at: args }, deps),
})

async function listServiceKeys({ globals, at }: DataOptions, deps: Deps): Promise<void> {
  const folder = { dataDir: await dataFolder(at, deps), clock: deps.clock }
  const keys = await withServiceKeys(folder, (found) => found.list())
  const rows = keys.map(({ id, name, tenant, scopes, pipelines, createdAt, lastUsedAt }) => ({
    id,
    name,
    tenant: tenant.slug,
    scopes,
    allPipelines: pipelines === null,
    createdAt: new Date(createdAt).toISOString(),
    lastUsedAt: lastUsedAt === null ? null : new Date(lastUsedAt).toISOString(),
  }))
  printList(deps.io, chosenFormat(deps, globals), rows, [
    { title: 'id', cell: (key) => key.id },
    { title: 'name', cell: (key) => key.name },
    { title: 'tenant', cell: (key) => key.tenant },
    { title: 'scopes', cell: (key) => key.scopes.join(' ') },
    { title: 'pipelines', cell: (key) => (key.allPipelines ? 'all' : 'some') },
    { title: 'last used', cell: (key) => key.lastUsedAt ?? 'never' },
  ])
}

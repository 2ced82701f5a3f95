import { withServiceKeys } from '../../../../server/administration/open-data-folder.ts'
import { defineCommand } from '../../../command.ts'
import { chosenFormat } from '../../../output/output-format.ts'
import { printList } from '../../../output/print.ts'
import { dataFlags, dataFolder } from '../../../administration/data-folder.ts'

export const command = defineCommand({
  summary: 'List service keys',
  examples: ['fob server service-key list', 'fob server service-key list --data /var/lib/fob -o json'],
  flags: dataFlags,
  positionals: {},
  async run({ flags, globals }, deps) {
    const folder = { dataDir: await dataFolder(deps, flags), clock: deps.clock }
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
  },
})

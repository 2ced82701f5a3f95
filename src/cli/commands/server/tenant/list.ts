/** `fob server tenant list`: lists the tenants of a server. */
import { dataFlags, type DataOptions, onData } from '../../../administration/data-folder-flags-and-access.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import { chosenFormat } from '../../../output/choose-output-format.ts'
import { printList } from '../../../output/print.ts'

export const command = defineCommand({
  meta: {
    description: 'List the tenants of a server',
    examples: ['fob server tenant list', 'fob server tenant list --data /var/lib/fob -o json'],
  },
  args: dataFlags,
  run: ({ args, globals }, deps) => listServerTenants({ globals, at: args }, deps),
})

async function listServerTenants(options: DataOptions, deps: Deps): Promise<void> {
  const tenants = await onData(options, deps, (data) => data.tenants.list())
  const rows = tenants.map(({ id, slug, name, createdAt }) => ({
    id,
    slug,
    name,
    createdAt: new Date(createdAt).toISOString(),
  }))
  printList(deps.io, chosenFormat(deps, options.globals), rows, [
    { title: 'slug', cell: (tenant) => tenant.slug },
    { title: 'name', cell: (tenant) => tenant.name },
    { title: 'created', cell: (tenant) => tenant.createdAt },
  ])
}

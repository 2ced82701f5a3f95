import { chosenFormat } from '../../../output/output-format.ts'
import { defineCommand } from '../../../command.ts'
import { printList } from '../../../output/print.ts'
import { dataFlags, onData } from '../../../administration/data-folder.ts'

export const command = defineCommand({
  summary: 'List the tenants of a server',
  examples: ['fob server tenant list', 'fob server tenant list --data /var/lib/fob -o json'],
  flags: dataFlags,
  positionals: {},
  async run({ flags, globals }, deps) {
    const tenants = await onData(deps, flags, (data) => data.tenants.list())
    const rows = tenants.map(({ id, slug, name, createdAt }) => ({
      id,
      slug,
      name,
      createdAt: new Date(createdAt).toISOString(),
    }))
    printList(deps.io, chosenFormat(deps, globals), rows, [
      { title: 'slug', cell: (tenant) => tenant.slug },
      { title: 'name', cell: (tenant) => tenant.name },
      { title: 'created', cell: (tenant) => tenant.createdAt },
    ])
  },
})

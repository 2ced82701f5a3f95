import { defineCommand } from '../../../command.ts'
import { printList } from '../../../output/print.ts'
import { chosenFormat } from '../../../output/output-format.ts'
import { dataFlags, onData } from '../../../administration/data-folder.ts'

export const command = defineCommand({
  summary: 'List the accounts of a server',
  examples: ['fob server user list', 'fob server user list --data /var/lib/fob -o json'],
  flags: dataFlags,
  positionals: {},
  async run({ flags, globals }, deps) {
    const users = await onData(deps, flags, ({ accounts }) => accounts.list())
    const rows = users.map(({ id, email, name, role, provider, subject, tenant, createdAt }) => ({
      id,
      email,
      name,
      role,
      provider,
      subject,
      tenant: tenant.slug,
      createdAt: new Date(createdAt).toISOString(),
    }))
    printList(deps.io, chosenFormat(deps, globals), rows, [
      { title: 'email', cell: (user) => user.email ?? '' },
      { title: 'name', cell: (user) => user.name ?? '' },
      { title: 'role', cell: (user) => user.role },
      { title: 'tenant', cell: (user) => user.tenant },
      { title: 'provider', cell: (user) => user.provider },
      { title: 'id', cell: (user) => user.id },
      { title: 'created', cell: (user) => user.createdAt },
    ])
  },
})

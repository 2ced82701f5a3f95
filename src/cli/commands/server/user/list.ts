/** `fob server user list`: lists the accounts of a server. */
import { dataFlags, type DataOptions, onData } from '../../../administration/data-folder-flags-and-access.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import { chosenFormat } from '../../../output/choose-output-format.ts'
import { printList } from '../../../output/print.ts'

export const command = defineCommand({
  meta: {
    description: 'List accounts',
    examples: ['fob server user list', 'fob server user list --data /var/lib/fob -o json'],
  },
  args: dataFlags,
  run: ({ args, globals }, deps) => listUsers({ globals, at: args }, deps),
})

async function listUsers(options: DataOptions, deps: Deps): Promise<void> {
  const users = await onData(options, deps, ({ accounts }) => accounts.list())
  const rows = users.map(({ id, email, name, nickName, role, provider, subject, tenant, createdAt }) => ({
    id,
    email,
    name,
    role,
    provider,
    subject,
    login: provider === 'local' ? null : nickName,
    tenant: tenant.slug,
    createdAt: new Date(createdAt).toISOString(),
  }))
  printList(deps.io, chosenFormat(deps, options.globals), rows, [
    { title: 'email', cell: (user) => user.email ?? '' },
    { title: 'name', cell: (user) => user.name ?? '' },
    { title: 'role', cell: (user) => user.role },
    { title: 'tenant', cell: (user) => user.tenant },
    { title: 'provider', cell: (user) => user.provider },
    { title: 'login', cell: (user) => user.login ?? '' },
    { title: 'id', cell: (user) => user.id },
    { title: 'created', cell: (user) => user.createdAt },
  ])
}

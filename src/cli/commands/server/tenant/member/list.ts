import type { Administration } from '../../../../../server/administration/open-data-folder.ts'
import { defineCommand } from '../../../../command.ts'
import { chosenFormat } from '../../../../output/output-format.ts'
import { printList } from '../../../../output/print.ts'
import { dataFlags, onData } from '../../../../administration/data-folder.ts'

type Member = Awaited<ReturnType<Administration['tenants']['members']>>['items'][number]

export const command = defineCommand({
  summary: 'List the members of a tenant',
  examples: ['fob server tenant member list acme'],
  flags: dataFlags,
  positionals: { tenant: { arity: 'required', description: 'its slug' } },
  async run({ flags, positionals, globals }, deps) {
    const members = await onData(deps, flags, async ({ tenants }) => {
      const { id } = await tenants.get(positionals.tenant)
      const found: Member[] = []
      let page = await tenants.members(id, { limit: 500 })
      found.push(...page.items)
      while (page.next !== null) {
        page = await tenants.members(id, { limit: 500, cursor: page.next })
        found.push(...page.items)
      }
      return found
    })
    const rows = members.map(({ userId, since, email, name, provider, role }) => ({
      id: userId,
      email,
      name,
      provider,
      role,
      since: new Date(since).toISOString(),
    }))
    printList(deps.io, chosenFormat(deps, globals), rows, [
      { title: 'id', cell: (member) => member.id },
      { title: 'email', cell: (member) => member.email ?? '' },
      { title: 'name', cell: (member) => member.name ?? '' },
      { title: 'provider', cell: (member) => member.provider },
      { title: 'role', cell: (member) => member.role },
      { title: 'since', cell: (member) => member.since },
    ])
  },
})

/** `fob server tenant member list`: lists the members of a tenant. */
import type { Administration } from '../../../../../server/administration/open-data-folder.ts'
import {
  dataFlags,
  type DataOptions,
  onData,
} from '../../../../administration/data-folder-flags-and-access.ts'
import { defineCommand } from '../../../../command.ts'
import type { Deps } from '../../../../deps.ts'
import { chosenFormat } from '../../../../output/choose-output-format.ts'
import { printList } from '../../../../output/print.ts'

type Member = Awaited<ReturnType<Administration['tenants']['members']>>['items'][number]

export const command = defineCommand({
  meta: {
    description: 'List the members of a tenant',
    examples: ['fob server tenant member list acme'],
  },
  args: {
    ...dataFlags,
    slug: { type: 'positional', valueHint: 'TENANT', description: 'the slug of the tenant' },
  },
  run: ({ args, globals }, deps) => listMembers({ globals, at: args, slug: args.slug }, deps),
})

interface ListMembersOptions extends DataOptions {
  slug: string
}

async function listMembers(options: ListMembersOptions, deps: Deps): Promise<void> {
  const members = await onData(options, deps, ({ tenants }) => allMembers(tenants, options.slug))
  const rows = members.map(({ userId, since, email, name, provider, role }) => ({
    id: userId,
    email,
    name,
    provider,
    role,
    since: new Date(since).toISOString(),
  }))
  printList(deps.io, chosenFormat(deps, options.globals), rows, [
    { title: 'id', cell: (member) => member.id },
    { title: 'email', cell: (member) => member.email ?? '' },
    { title: 'name', cell: (member) => member.name ?? '' },
    { title: 'provider', cell: (member) => member.provider },
    { title: 'role', cell: (member) => member.role },
    { title: 'since', cell: (member) => member.since },
  ])
}

async function allMembers(tenants: Administration['tenants'], slug: string): Promise<Member[]> {
  const { id } = await tenants.get(slug)
  const found: Member[] = []
  let page = await tenants.members(id, { limit: 500 })
  found.push(...page.items)
  while (page.next !== null) {
    page = await tenants.members(id, { limit: 500, cursor: page.next })
    found.push(...page.items)
  }
  return found
}

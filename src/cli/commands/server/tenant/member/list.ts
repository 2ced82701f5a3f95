/** `fob server tenant member list`: lists the members of a tenant. */
import { instant } from '../../../../../contract/instant-as-text.ts'
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

type PendingMember = ReturnType<Administration['members']['pending']>[number]
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
  const { members, pending } = await onData(options, deps, async (data) => ({
    members: await allMembers(data.tenants, options.slug),
    pending: data.members.pending((await data.tenants.get(options.slug)).id),
  }))
  const rows = [...pending.map(pendingRow), ...members.map(memberRow)]
  printList(deps.io, chosenFormat(deps, options.globals), rows, [
    { title: 'id', cell: (member) => member.id },
    { title: 'email', cell: (member) => member.email ?? '' },
    { title: 'name', cell: (member) => member.name ?? '' },
    { title: 'provider', cell: (member) => member.provider ?? '' },
    { title: 'login', cell: (member) => member.login ?? '' },
    { title: 'role', cell: (member) => member.role },
    { title: 'since', cell: (member) => (member.pending ? 'at the first login' : member.since) },
  ])
}

function memberRow({ userId, since, email, name, provider, nickName, role }: Member) {
  const login = provider === 'local' ? null : nickName
  return {
    id: userId,
    email,
    name,
    provider,
    login,
    role,
    since: instant(since),
    pending: false,
    expiresAt: null,
  }
}

/** Named as it was typed: an e-mail, or a login or ID at a provider. */
function pendingRow({ id, name, role, createdAt, expiresAt }: PendingMember) {
  const isEmail = name.includes('@')
  const colon = name.indexOf(':')
  return {
    id,
    email: isEmail ? name.slice(colon + 1) : null,
    name: null,
    provider: colon < 0 ? null : name.slice(0, colon),
    login: isEmail ? null : name.slice(colon + 1),
    role,
    since: instant(createdAt),
    pending: true,
    expiresAt: instant(expiresAt),
  }
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

/** `fob server tenant member add`: makes a user a member of a tenant, or changes their role. */
import {
  dataFlags,
  type DataOptions,
  did,
  onData,
} from '../../../../administration/data-folder-flags-and-access.ts'
import { userArgument } from '../../../../administration/person-and-role-arguments.ts'
import { type MemberRole, ROLES } from '../../../../../contract/api/members.ts'
import { instant } from '../../../../../contract/instant-as-text.ts'
import { defineCommand } from '../../../../command.ts'
import type { Deps } from '../../../../deps.ts'

export const command = defineCommand({
  meta: {
    description: 'Add a member to a tenant, or change their role',
    details: `Somebody who has not logged in yet becomes a member at their first login: by an e-mail that their provider has
verified (for 90 days), by a login (14 days: it could be somebody else's later), or by the provider's ID of them.`,
    examples: [
      'fob server tenant member add acme ada@example.com',
      'fob server tenant member add acme github:octocat --role admin',
    ],
  },
  args: {
    role: {
      type: 'enum',
      options: ROLES,
      valueHint: 'ROLE',
      description: `${ROLES.join(', ')} (default member)`,
    },
    ...dataFlags,
    slug: { type: 'positional', valueHint: 'TENANT', description: 'the slug of the tenant' },
    user: userArgument,
  },
  run: ({ args, globals }, deps) => {
    const { slug, user, role = 'member' } = args
    return addMember({ globals, at: args, slug, who: user, role }, deps)
  },
})

interface AddMemberOptions extends DataOptions {
  slug: string
  who: string
  role: MemberRole
}

async function addMember(options: AddMemberOptions, deps: Deps): Promise<void> {
  const { globals, slug, who, role } = options
  const set = await onData(options, deps, async ({ tenants, members, audit }) => {
    const tenant = await tenants.get(slug)
    const done = await members.set({ who, tenantId: tenant.id, role })
    const entry = { tenantId: tenant.id, actor: 'console', action: 'member.set' } as const
    if (done.kind === 'pending') {
      const { id, name } = done.pending
      audit.record({ ...entry, target: name, details: { role, pending: id } })
    } else {
      audit.record({ ...entry, target: `${done.user.provider}:${done.user.subject}`, details: { role } })
    }
    return done
  })
  if (set.kind === 'pending') {
    const { id, name, expiresAt } = set.pending
    const until = instant(expiresAt)
    const what = { tenant: slug, id, person: name, role, pending: true, expiresAt: until, set: true }
    const end = until === null ? '' : `, until ${until}`
    did(globals, deps, { what, words: `${name} becomes ${role} of ${slug} at the first login${end}` })
    return
  }
  const { id, provider, subject } = set.user
  const what = { tenant: slug, user: id, provider, subject, role, pending: false, set: true }
  did(globals, deps, { what, words: `${who} is ${role} of ${slug}` })
}

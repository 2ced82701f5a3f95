/** `fob server tenant member add`: makes a user a member of a tenant, or changes their role. */
import {
  dataFlags,
  type DataOptions,
  did,
  onData,
} from '../../../../administration/data-folder-flags-and-access.ts'
import {
  findUser,
  type Role,
  ROLES,
  userArgument,
} from '../../../../administration/find-user-named-by-argument.ts'
import { defineCommand } from '../../../../command.ts'
import type { Deps } from '../../../../deps.ts'

export const command = defineCommand({
  meta: {
    description: 'Add a member to a tenant, or change their role',
    examples: [
      'fob server tenant member add acme ada@example.com',
      'fob server tenant member add acme github:583231 --role admin',
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
  role: Role
}

async function addMember(options: AddMemberOptions, deps: Deps): Promise<void> {
  const { globals, slug, who, role } = options
  const { id, provider, subject } = await onData(options, deps, async (data) => {
    const user = await findUser(data, who)
    const tenant = await data.tenants.get(slug)
    await data.tenants.setMember({ userId: user.id, tenantId: tenant.id, role })
    const target = `${user.provider}:${user.subject}`
    const entry = { tenantId: tenant.id, actor: 'console', target, details: { role } }
    data.audit.record({ ...entry, action: 'member.set' })
    return user
  })
  const what = { tenant: slug, user: id, provider, subject, role, set: true }
  did(globals, deps, { what, words: `${who} is ${role} of ${slug}` })
}

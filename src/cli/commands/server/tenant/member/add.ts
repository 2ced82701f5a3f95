import { defineCommand } from '../../../../command.ts'
import { dataFlags, did, onData } from '../../../../administration/data-folder.ts'
import { findUser, parseRole, ROLES, whoPositional } from '../../../../administration/find-user.ts'

export const command = defineCommand({
  summary: 'Make a user a member of a tenant, or change their role',
  examples: [
    'fob server tenant member add acme ada@example.com',
    'fob server tenant member add acme github:583231 --role admin',
  ],
  flags: {
    role: {
      type: 'string',
      value: 'ROLE',
      description: `${ROLES.join(', ')} (default member)`,
      completes: ROLES,
    },
    ...dataFlags,
  },
  positionals: { tenant: { arity: 'required', description: 'its slug' }, user: whoPositional },
  async run({ flags, positionals, globals }, deps) {
    const role = parseRole(flags.role) ?? 'member'
    const { id, provider, subject } = await onData(deps, flags, async (data) => {
      const user = await findUser(data, positionals.user)
      const tenant = await data.tenants.get(positionals.tenant)
      await data.tenants.setMember({ userId: user.id, tenantId: tenant.id, role })
      const target = `${user.provider}:${user.subject}`
      const entry = { tenantId: tenant.id, actor: 'console', target, details: { role } }
      data.audit.record({ ...entry, action: 'member.set' })
      return user
    })
    const slug = positionals.tenant
    const what = { tenant: slug, user: id, provider, subject, role, set: true }
    did(deps, globals, what, `${positionals.user} is ${role} of ${slug}`)
  },
})

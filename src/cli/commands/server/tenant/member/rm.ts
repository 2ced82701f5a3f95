import { defineCommand } from '../../../../command.ts'
import { dataFlags, did, onData } from '../../../../administration/data-folder.ts'
import { findUser, whoPositional } from '../../../../administration/find-user.ts'

export const command = defineCommand({
  summary: 'Take a user out of a tenant',
  examples: ['fob server tenant member rm acme ada@example.com'],
  flags: dataFlags,
  positionals: { tenant: { arity: 'required', description: 'its slug' }, user: whoPositional },
  async run({ flags, positionals, globals }, deps) {
    const { id, provider, subject } = await onData(deps, flags, async (data) => {
      const user = await findUser(data, positionals.user)
      const tenant = await data.tenants.get(positionals.tenant)
      await data.tenants.removeMember({ userId: user.id, tenantId: tenant.id })
      const target = `${user.provider}:${user.subject}`
      data.audit.record({ tenantId: tenant.id, actor: 'console', action: 'member.rm', target })
      return user
    })
    const slug = positionals.tenant
    const what = { tenant: slug, user: id, provider, subject, deleted: true }
    did(deps, globals, what, `${positionals.user} is no longer a member of ${slug}`)
  },
})

import { defineCommand } from '../../../command.ts'
import { dataFlags, did, onData } from '../../../administration/data-folder.ts'
import { findUser, whoPositional } from '../../../administration/find-user.ts'

export const command = defineCommand({
  summary: 'Remove a user and end their sessions and tokens',
  description: [
    'Refused for the only administrator of a tenant that has other members.',
    "Who comes from a provider and may log in here comes back as somebody new: the server's rule (--rbac) keeps them out.",
  ].join('\n'),
  examples: ['fob server user rm ada@example.com', 'fob server user rm github:583231'],
  flags: dataFlags,
  positionals: { user: whoPositional },
  async run({ flags, positionals, globals }, deps) {
    const { id, provider, subject, email } = await onData(deps, flags, async (data) => {
      const user = await findUser(data, positionals.user)
      await data.accounts.remove(user.id)
      const target = `${user.provider}:${user.subject}`
      data.audit.record({ tenantId: user.tenant.id, actor: 'console', action: 'user.rm', target })
      return user
    })
    const what = { id, provider, subject, email, deleted: true }
    did(deps, globals, what, `Removed ${positionals.user}`)
  },
})

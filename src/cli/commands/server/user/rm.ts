/** `fob server user rm`: removes a user, and ends their sessions and tokens. */
import {
  dataFlags,
  type DataOptions,
  did,
  onData,
} from '../../../administration/data-folder-flags-and-access.ts'
import { userArgument } from '../../../administration/person-and-role-arguments.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'

export const command = defineCommand({
  meta: {
    description: 'Remove a user and end their sessions and tokens',
    details: `Refused for the only administrator of a tenant that has other members.
A user of an identity provider who may still log in here comes back as a new user: keep them out with the server's
rule (--rbac).`,
    examples: ['fob server user rm ada@example.com', 'fob server user rm github:octocat'],
  },
  args: { ...dataFlags, user: userArgument },
  run: ({ args, globals }, deps) => removeUser({ globals, at: args, who: args.user }, deps),
})

interface RemoveUserOptions extends DataOptions {
  who: string
}

async function removeUser(options: RemoveUserOptions, deps: Deps): Promise<void> {
  const { globals, who } = options
  const { id, provider, subject, email } = await onData(options, deps, async (data) => {
    const user = data.members.find(who)
    await data.accounts.remove(user.id)
    const target = `${user.provider}:${user.subject}`
    data.audit.record({ tenantId: user.tenant.id, actor: 'console', action: 'user.rm', target })
    return user
  })
  const what = { id, provider, subject, email, deleted: true }
  did(globals, deps, { what, words: `Removed ${who}` })
}

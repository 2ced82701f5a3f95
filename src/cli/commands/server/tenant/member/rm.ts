/** `fob server tenant member rm`: removes a user from a tenant. */
import {
  dataFlags,
  type DataOptions,
  did,
  onData,
} from '../../../../administration/data-folder-flags-and-access.ts'
import { findUser, userArgument } from '../../../../administration/find-user-named-by-argument.ts'
import { defineCommand } from '../../../../command.ts'
import type { Deps } from '../../../../deps.ts'

export const command = defineCommand({
  meta: {
    description: 'Remove a member from a tenant',
    examples: ['fob server tenant member rm acme ada@example.com'],
  },
  args: {
    ...dataFlags,
    slug: { type: 'positional', valueHint: 'TENANT', description: 'the slug of the tenant' },
    user: userArgument,
  },
  run: ({ args, globals }, deps) =>
    removeMember({ globals, at: args, slug: args.slug, who: args.user }, deps),
})

interface RemoveMemberOptions extends DataOptions {
  slug: string
  who: string
}

async function removeMember(options: RemoveMemberOptions, deps: Deps): Promise<void> {
  const { globals, slug, who } = options
  const { id, provider, subject } = await onData(options, deps, async (data) => {
    const user = await findUser(data, who)
    const tenant = await data.tenants.get(slug)
    await data.tenants.removeMember({ userId: user.id, tenantId: tenant.id })
    const target = `${user.provider}:${user.subject}`
    data.audit.record({ tenantId: tenant.id, actor: 'console', action: 'member.rm', target })
    return user
  })
  const what = { tenant: slug, user: id, provider, subject, deleted: true }
  did(globals, deps, { what, words: `${who} is no longer a member of ${slug}` })
}

/** `fob server tenant member rm`: removes a user from a tenant. */
import {
  dataFlags,
  type DataOptions,
  did,
  onData,
} from '../../../../administration/data-folder-flags-and-access.ts'
import { userArgument } from '../../../../administration/person-and-role-arguments.ts'
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
  const removed = await onData(options, deps, async ({ tenants, members, audit }) => {
    const tenant = await tenants.get(slug)
    const done = await members.remove({ who, tenantId: tenant.id })
    const entry = { tenantId: tenant.id, actor: 'console' }
    const target = done.kind === 'pending' ? done.pending.name : `${done.user.provider}:${done.user.subject}`
    audit.record({ ...entry, action: 'member.rm', target })
    if (done.kind === 'account') audit.record({ ...entry, action: 'user.rm', target })
    return done
  })
  if (removed.kind === 'pending') {
    const { id, name } = removed.pending
    const what = { tenant: slug, id, person: name, pending: true, deleted: true }
    did(globals, deps, { what, words: `${name} will not become a member of ${slug}` })
    return
  }
  const { id, provider, subject } = removed.user
  const account = removed.kind === 'account'
  const what = { tenant: slug, user: id, provider, subject, pending: false, account, deleted: true }
  const more = account ? '; it was their only tenant, so the account is gone too' : ''
  did(globals, deps, { what, words: `${who} is no longer a member of ${slug}${more}` })
}

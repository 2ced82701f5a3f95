/** `fob server tenant rm`: removes a tenant that is empty. */
import {
  dataFlags,
  type DataOptions,
  did,
  onData,
} from '../../../administration/data-folder-flags-and-access.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'

export const command = defineCommand({
  meta: {
    description: 'Remove an empty tenant',
    details: `Refused while it has pipelines, runs, secrets, runners or service keys, or a member who belongs to no other tenant.
Its members' tokens for it end with it.`,
    examples: ['fob server tenant rm acme'],
  },
  args: {
    ...dataFlags,
    slug: { type: 'positional', description: 'the tenant' },
  },
  run: ({ args, globals }, deps) => removeTenant({ globals, at: args, slug: args.slug }, deps),
})

interface RemoveTenantOptions extends DataOptions {
  slug: string
}

async function removeTenant(options: RemoveTenantOptions, deps: Deps): Promise<void> {
  const { globals, slug } = options
  await onData(options, deps, async ({ accounts, tenants, audit }) => {
    await tenants.remove(slug)
    const tenantId = accounts.defaultTenant().id
    audit.record({ tenantId, actor: 'console', action: 'tenant.rm', target: slug })
  })
  did(globals, deps, { what: { slug, deleted: true }, words: `Removed the tenant ${slug}` })
}

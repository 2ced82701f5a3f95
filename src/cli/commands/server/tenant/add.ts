/** `fob server tenant add`: adds a tenant to a server. */
import {
  dataFlags,
  type DataOptions,
  did,
  onDataOrNew,
} from '../../../administration/data-folder-flags-and-access.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'

export const command = defineCommand({
  meta: {
    description: 'Add a tenant',
    examples: ['fob server tenant add acme', 'fob server tenant add acme --name "Acme Labs"'],
  },
  args: {
    name: { type: 'string', valueHint: 'NAME', description: 'the name to show (default: the slug)' },
    ...dataFlags,
    slug: { type: 'positional', description: 'small letters, digits and "-"' },
  },
  run: ({ args, globals }, deps) => addTenant({ globals, at: args, slug: args.slug, name: args.name }, deps),
})

interface AddTenantOptions extends DataOptions {
  slug: string
  name: string | undefined
}

async function addTenant(options: AddTenantOptions, deps: Deps): Promise<void> {
  const { globals, slug } = options
  const { id, name } = await onDataOrNew(options, deps, async ({ tenants, audit }) => {
    const tenant = await tenants.add({ slug, name: options.name })
    audit.record({ tenantId: tenant.id, actor: 'console', action: 'tenant.add', target: slug })
    return tenant
  })
  did(globals, deps, { what: { id, slug, name, added: true }, words: `Added the tenant ${slug}` })
}

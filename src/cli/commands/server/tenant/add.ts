import { defineCommand } from '../../../command.ts'
import { dataFlags, did, onDataOrNew } from '../../../administration/data-folder.ts'

export const command = defineCommand({
  summary: 'Add a tenant to a server',
  examples: ['fob server tenant add acme', 'fob server tenant add acme --name "Acme Labs"'],
  flags: {
    name: { type: 'string', value: 'NAME', description: 'what people call it (default: the slug)' },
    ...dataFlags,
  },
  positionals: { slug: { arity: 'required', description: 'small letters, digits and "-"' } },
  async run({ flags, positionals: { slug }, globals }, deps) {
    const { id, name } = await onDataOrNew(deps, { flags, globals }, async ({ tenants, audit }) => {
      const tenant = await tenants.add({ slug, name: flags.name })
      audit.record({ tenantId: tenant.id, actor: 'console', action: 'tenant.add', target: slug })
      return tenant
    })
    did(deps, globals, { id, slug, name, added: true }, `Added the tenant ${slug}`)
  },
})

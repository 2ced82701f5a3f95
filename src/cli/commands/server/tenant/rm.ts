import { defineCommand } from '../../../command.ts'
import { dataFlags, did, onData } from '../../../administration/data-folder.ts'

export const command = defineCommand({
  summary: 'Remove an empty tenant',
  description: [
    'Refused while it has pipelines, runs, secrets, runners or service keys, or a member who belongs nowhere else.',
    'The tokens that people have for it end with it.',
  ].join('\n'),
  examples: ['fob server tenant rm acme'],
  flags: dataFlags,
  positionals: { slug: { arity: 'required', description: 'which one' } },
  async run({ flags, positionals: { slug }, globals }, deps) {
    await onData(deps, flags, async ({ accounts, tenants, audit }) => {
      await tenants.remove(slug)
      const tenantId = accounts.defaultTenant().id
      audit.record({ tenantId, actor: 'console', action: 'tenant.rm', target: slug })
    })
    did(deps, globals, { slug, deleted: true }, `Removed the tenant ${slug}`)
  },
})

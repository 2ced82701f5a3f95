import { withServiceKeys } from '../../../../server/administration/open-data-folder.ts'
import { defineCommand } from '../../../command.ts'
import { dataFlags, dataFolder, did } from '../../../administration/data-folder.ts'

export const command = defineCommand({
  summary: 'Delete a service key and its tokens',
  examples: ['fob server service-key rm svk_019a…'],
  flags: dataFlags,
  positionals: { id: { arity: 'required', description: 'its ID, from fob server service-key list' } },
  async run({ flags, positionals: { id }, globals }, deps) {
    const folder = { dataDir: await dataFolder(deps, flags), clock: deps.clock }
    await withServiceKeys(folder, async (keys, audit) => {
      const key = await keys.remove(id)
      audit.record({ tenantId: key.tenantId, actor: 'console', action: 'service-key.rm', target: id })
    })
    did(deps, globals, { id, deleted: true }, `Deleted ${id} and the tokens it bought`)
  },
})

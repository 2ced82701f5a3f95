/** `fob server service-key rm`: deletes a service key and its tokens. */
import { withServiceKeys } from '../../../../server/administration/open-data-folder.ts'
import {
  dataFlags,
  dataFolder,
  type DataOptions,
  did,
} from '../../../administration/data-folder-flags-and-access.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'

export const command = defineCommand({
  meta: {
    description: 'Delete a service key and its tokens',
    examples: ['fob server service-key rm svk_019a…'],
  },
  args: {
    ...dataFlags,
    id: { type: 'positional', description: 'its ID, from fob server service-key list' },
  },
  run: ({ args, globals }, deps) => deleteServiceKey({ globals, at: args, id: args.id }, deps),
})

interface DeleteServiceKeyOptions extends DataOptions {
  id: string
}

async function deleteServiceKey({ globals, at, id }: DeleteServiceKeyOptions, deps: Deps): Promise<void> {
  const folder = { dataDir: await dataFolder(at, deps), clock: deps.clock }
  await withServiceKeys(folder, async (keys, audit) => {
    const key = await keys.remove(id)
    audit.record({ tenantId: key.tenantId, actor: 'console', action: 'service-key.rm', target: id })
  })
  did(globals, deps, { what: { id, deleted: true }, words: `Deleted ${id} and its tokens` })
}

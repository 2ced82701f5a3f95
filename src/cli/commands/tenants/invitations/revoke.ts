/** `fob tenants invitations revoke`: revokes an invitation. */
import * as v from 'valibot'
import { openClient } from '../../../client/command-context.ts'
import { findInvitationId } from '../../../client/find-by-id-prefix.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import type { Globals } from '../../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Revoke an invitation',
    details: 'Its link is good for nobody from then on. Who has accepted it stays a member.',
    examples: ['fob tenants invitations revoke inv_019a…'],
  },
  args: {
    id: {
      type: 'positional',
      description: 'its ID, from fob tenants invitations list, or the beginning of it',
      completes: 'invitation',
    },
  },
  run: ({ args, globals }, deps) => revokeInvitation({ globals, id: args.id }, deps),
})

interface RevokeInvitationOptions {
  globals: Globals
  id: string
}

async function revokeInvitation({ globals, id: typed }: RevokeInvitationOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const id = await findInvitationId(client, typed)
  const path = `/api/invitations/${encodeURIComponent(id)}`
  await client.api.request({ method: 'DELETE', path, schema: v.unknown() })
  client.did({ id, revoked: true }, `Revoked ${id}`)
}

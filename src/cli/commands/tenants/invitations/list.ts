/** `fob tenants invitations list`: lists the invitations that can still be accepted. */
import { invitationResponse } from '../../../../contract/api/members.ts'
import { openClient } from '../../../client/command-context.ts'
import { fetchAll } from '../../../client/fetch-all-pages.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import { timesFor } from '../../../output/format-times.ts'
import { printList, sayIfNone } from '../../../output/print.ts'
import type { Globals } from '../../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'List the invitations that can still be accepted',
    details: 'Their links are not stored anywhere, so they cannot be shown.',
    examples: ['fob tenants invitations list', 'fob tenants invitations list -t acme -o json'],
  },
  args: {},
  run: ({ globals }, deps) => listInvitations({ globals }, deps),
})

async function listInvitations({ globals }: { globals: Globals }, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const invitations = await fetchAll(client.api, '/api/invitations', invitationResponse)
  sayIfNone(client, invitations, 'invitations')
  const times = timesFor(client, deps)
  printList(deps.io, client.format, invitations, [
    { title: 'id', cell: ({ id }) => id },
    { title: 'for', cell: ({ email }) => email ?? 'anybody with the link' },
    { title: 'role', cell: ({ role }) => role },
    { title: 'created by', cell: ({ createdBy }) => createdBy },
    { title: 'expires', cell: ({ expiresAt }) => times.short(expiresAt) },
  ])
}

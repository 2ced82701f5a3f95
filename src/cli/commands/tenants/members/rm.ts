/** `fob tenants members rm`: removes somebody from a tenant. */
import { removedMember } from '../../../../contract/api/members.ts'
import { safeLine } from '../../../../platform/terminal/make-text-printable.ts'
import { openClient } from '../../../client/command-context.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import type { Globals } from '../../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Remove a member from a tenant',
    details: `For administrators of the tenant. Somebody from a provider who is in no other tenant loses the account too, with
its sessions and tokens. Whether they come back as somebody new at the next login is up to --default-role and --rbac.`,
    examples: ['fob tenants members rm alice@corp.example', 'fob tenants members rm github:octocat -t acme'],
  },
  args: {
    person: {
      type: 'positional',
      description: 'as "fob tenants members list" names them, or their ID',
      completes: 'member',
    },
  },
  run: ({ args, globals }, deps) => removeMember({ globals, person: args.person }, deps),
})

interface RemoveMemberOptions {
  globals: Globals
  person: string
}

async function removeMember({ globals, person }: RemoveMemberOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const removed = await client.api.request({
    method: 'DELETE',
    path: `/api/members/${encodeURIComponent(person)}`,
    schema: removedMember,
  })
  const who = safeLine(removed.person, 320)
  const more = removed.account ? '; it was their only tenant, so the account is gone too' : ''
  client.did(
    { ...removed, deleted: true },
    removed.pending ? `${who} will not become a member` : `${who} is no longer a member${more}`,
  )
}

/** `fob tenants members add`: makes somebody a member of a tenant, or changes their role. */
import { type MemberRole, memberResponse, ROLES } from '../../../../contract/api/members.ts'
import { safeLine } from '../../../../platform/terminal/make-text-printable.ts'
import { openClient } from '../../../client/command-context.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import type { Globals } from '../../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Add a member to a tenant, or change their role',
    details: `For administrators of the tenant. Somebody who has not logged in yet becomes a member at their first login: by an
e-mail that their provider has verified (for 90 days), by a login (14 days: it could be somebody else's later), or by the
provider's ID of them.`,
    examples: [
      'fob tenants members add alice@corp.example',
      'fob tenants members add github:octocat --role viewer -t acme',
      'fob tenants members add github:583231 --role admin',
    ],
  },
  args: {
    role: {
      type: 'enum',
      options: ROLES,
      valueHint: 'ROLE',
      description: `${ROLES.join(', ')} (default member)`,
    },
    person: {
      type: 'positional',
      description:
        'an e-mail, github:LOGIN, gitlab:LOGIN, PROVIDER:ID, a login that is unique here, or an ID',
      completes: 'member',
    },
  },
  run: ({ args, globals }, deps) => {
    const { person, role = 'member' } = args
    return addMember({ globals, person, role }, deps)
  },
})

interface AddMemberOptions {
  globals: Globals
  person: string
  role: MemberRole
}

async function addMember({ globals, person, role }: AddMemberOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const set = await client.api.request({
    method: 'PUT',
    path: `/api/members/${encodeURIComponent(person)}`,
    body: { role },
    schema: memberResponse,
  })
  const who = safeLine(set.person, 320)
  const until = set.expiresAt === null ? '' : `, until ${set.expiresAt}`
  client.did(
    { ...set, set: true },
    set.pending ? `${who} becomes ${role} at the first login${until}` : `${who} is ${role} now (${set.id})`,
  )
}

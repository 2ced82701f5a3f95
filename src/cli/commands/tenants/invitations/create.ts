/** `fob tenants invitations create`: creates an invitation and prints its link once. */
import {
  createdInvitation,
  MAX_INVITATION_DAYS,
  type MemberRole,
  ROLES,
} from '../../../../contract/api/members.ts'
import { present } from '../../../../contract/omit-undefined.ts'
import { openClient } from '../../../client/command-context.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import { printSecretOnce } from '../../../output/print-secret-once.ts'
import { parseLifetime } from '../../../parsing/duration-flags.ts'
import type { Globals } from '../../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Create an invitation to a tenant',
    details: `For administrators of the tenant. Prints a link to standard output, once; no mail is sent. Whoever opens it logs in and
becomes a member, and nobody after them. With --email only the owner of that address can accept; at a server with
accounts of its own, whoever is invited by an administrator of the tenant default may choose a password instead of
logging in. An invitation counts for as long as you administer the tenant.`,
    examples: [
      'fob tenants invitations create',
      'fob tenants invitations create --email alice@corp.example --role viewer -t acme',
      'fob tenants invitations create --expires 24h -o json',
    ],
  },
  args: {
    email: {
      type: 'string',
      valueHint: 'EMAIL',
      description: 'the only one who may accept it (default: anybody with the link)',
    },
    role: {
      type: 'enum',
      options: ROLES,
      valueHint: 'ROLE',
      description: `${ROLES.join(', ')} (default member)`,
    },
    expires: {
      type: 'string',
      valueHint: 'TIME',
      description: 'how long it can be accepted: 12h, 7d, 4w, at most 90 days (default 7d)',
    },
  },
  run: ({ args, globals }, deps) => {
    const { email, role, expires } = args
    const expiresIn =
      expires === undefined ? undefined : parseLifetime(expires, '--expires', MAX_INVITATION_DAYS)
    return createInvitation({ globals, invitation: present({ email, role, expiresIn }) }, deps)
  },
})

interface CreateInvitationOptions {
  globals: Globals
  /** As the API takes it; `expiresIn` in seconds. */
  invitation: { email?: string; role?: MemberRole; expiresIn?: number }
}

async function createInvitation({ globals, invitation }: CreateInvitationOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const created = await client.api.request({
    method: 'POST',
    path: '/api/invitations',
    body: invitation,
    schema: createdInvitation,
  })
  const { id, role, email, expiresAt } = created
  const revoke = `fob tenants invitations revoke ${id}`
  const whom = email === null ? 'whoever opens it first' : email
  printSecretOnce(deps, client, created, {
    about: `Created ${id}: makes ${whom} ${role}, until ${expiresAt}; ${revoke} revokes it`,
    unseen: `revoke it with ${revoke}`,
  })
}

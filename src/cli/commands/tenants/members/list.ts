/** `fob tenants members list`: lists the members of a tenant. */
import { type MemberResponse, memberResponse } from '../../../../contract/api/members.ts'
import { openClient } from '../../../client/command-context.ts'
import { fetchAll } from '../../../client/fetch-all-pages.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import { type Times, timesFor } from '../../../output/format-times.ts'
import { printList, sayIfNone } from '../../../output/print.ts'
import type { Globals } from '../../../parsing/global-flags.ts'
import { LIMIT_FLAG, parseLimit } from '../../../parsing/limit-flag.ts'

export const command = defineCommand({
  meta: {
    description: 'List the members of a tenant',
    details: `For administrators of the tenant. Those come first who have not logged in yet and become members then.`,
    examples: [
      'fob tenants members list',
      'fob tenants members list -t acme',
      'fob tenants members list -o json',
    ],
  },
  args: LIMIT_FLAG,
  run: ({ args, globals }, deps) => listMembers({ globals, limit: parseLimit(args.limit) }, deps),
})

interface ListMembersOptions {
  globals: Globals
  limit: number | undefined
}

async function listMembers({ globals, limit }: ListMembersOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const members = await fetchAll(client.api, '/api/members', memberResponse, { limit })
  sayIfNone(client, members, 'members')
  const times = timesFor(client, deps)
  printList(deps.io, client.format, members, [
    { title: 'person', cell: ({ person }) => person },
    { title: 'email', cell: ({ email }) => email ?? '-' },
    { title: 'name', cell: ({ name }) => name ?? '-' },
    { title: 'role', cell: ({ role }) => role },
    { title: 'since', cell: (member) => sinceText(member, times) },
    { title: 'id', cell: ({ id }) => id },
  ])
  const refused = members.filter(({ admitted }) => admitted === false)
  for (const { person } of refused) client.say(`note: the rule of the server does not let ${person} in`)
}

function sinceText({ pending, since, expiresAt }: MemberResponse, times: Times): string {
  if (!pending) return times.short(since)
  return expiresAt === null ? 'at the first login' : `at the first login, until ${times.short(expiresAt)}`
}

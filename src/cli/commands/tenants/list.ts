/** `fob tenants list`: lists the tenants that the user is a member of. */
import type { TenantResponse } from '../../../contract/api/tenants.ts'
import { memberships } from '../../client/list-tenant-memberships.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { type Column, printList } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'List the tenants that you are a member of',
    examples: ['fob tenants list', 'fob tenants list -o json'],
  },
  args: {},
  run: ({ globals }, deps) => listTenants({ globals }, deps),
})

interface ListTenantsOptions {
  globals: Globals
}

type Row = Pick<TenantResponse, 'id' | 'slug'> & {
  name: string | null
  role: string | null
  current: boolean
}

const COLUMNS: readonly Column<Row>[] = [
  { title: '', cell: (row) => (row.current ? '*' : '') },
  { title: 'slug', cell: (row) => row.slug },
  { title: 'name', cell: (row) => row.name ?? '-' },
  { title: 'role', cell: (row) => row.role ?? '-' },
]

/** `current` is the one that calls are made in. */
async function listTenants({ globals }: ListTenantsOptions, deps: Deps): Promise<void> {
  const { context, session, tenants } = await memberships(deps, globals)
  const rows = tenants.map(({ id, slug, name, role, current }) => ({
    id,
    slug,
    name: name ?? null,
    role: role ?? null,
    current: session.tenant === undefined ? current === true : slug === session.tenant,
  }))
  printList(deps.io, context.format, rows, COLUMNS)
  if (session.tenant !== undefined && !rows.some((row) => row.current)) {
    context.say(`warning: the tenant ${session.tenant} is set, and you are not a member of it`)
  }
}

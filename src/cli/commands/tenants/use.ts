/** `fob tenants use`: chooses the tenant that commands work in at a server. */
import { safeLine } from '../../../platform/terminal/make-text-printable.ts'
import { foreignTenant } from '../../../session/api-refusal-to-fault.ts'
import { setTenant } from '../../../settings/change-config-file.ts'
import { memberships } from '../../client/list-tenant-memberships.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Choose the tenant that commands work in',
    details: 'Applies to this server from now on. For one command: --tenant; for a folder: .fob.toml.',
    examples: ['fob tenants use acme'],
  },
  args: {
    slug: {
      type: 'positional',
      description: 'one of those that "fob tenants list" shows',
      completes: 'tenant',
    },
  },
  run: ({ args, globals }, deps) => useTenant({ globals, slug: args.slug }, deps),
})

interface UseTenantOptions {
  globals: Globals
  slug: string
}

/** @throws Fault `forbidden`, with the user's own tenants, for a tenant that they are not a member of */
async function useTenant({ globals, slug }: UseTenantOptions, deps: Deps): Promise<void> {
  const { context, session, tenants } = await memberships(deps, globals)
  const { url } = session.server
  if (!tenants.some((tenant) => tenant.slug === slug)) {
    const slugs = tenants.map((tenant) => tenant.slug)
    throw foreignTenant(`you are not a member of the tenant "${safeLine(slug, 128)}" at ${url}`, slugs)
  }
  await setTenant(deps.home, deps, { server: url, slug })
  context.say(`Commands work in the tenant ${slug} at ${url} now`)
  const project = await context.project()
  const winners = [
    globals.tenant && '--tenant',
    deps.env.FOB_TENANT && 'FOB_TENANT',
    project?.tenant && project.path,
  ]
  for (const winner of winners) {
    if (winner) context.say(`note: ${safeLine(winner)} takes precedence over this choice`)
  }
}

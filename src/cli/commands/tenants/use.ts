import { safeLine } from '../../../platform/terminal/printable-text.ts'
import { foreignTenant } from '../../../session/api-refusals.ts'
import { setTenant } from '../../../settings/change-config-file.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { memberships } from '../../client/tenant-memberships.ts'

export const command = defineCommand({
  summary: 'Choose the tenant that commands work in',
  description: 'For this server, from now on. For one command: --tenant; for a folder: .fob.toml.',
  examples: ['fob tenants use acme'],
  flags: {},
  positionals: {
    slug: {
      arity: 'required',
      description: 'one of those that "fob tenants list" shows',
      completes: 'tenant',
    },
  },
  run: ({ positionals, globals }, deps) => useTenant({ globals, slug: positionals.slug }, deps),
})

/**
 * S228.
 * @throws Fault `forbidden` for a tenant that the caller is no member of, with those that they are.
 */
export async function useTenant(
  { globals, slug }: { globals: Globals; slug: string },
  deps: Deps,
): Promise<void> {
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
    if (winner) context.say(`note: ${safeLine(winner)} outweighs this choice`)
  }
}

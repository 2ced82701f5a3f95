/** What every page with a menu shows around its own part, and the session that it belongs to. */
import { isAdministrator } from '../../access-rules/principal.ts'
import type { FrameView } from '../../web/main-menu.ts'
import type { SettingsView } from '../../web/settings-page-layout.ts'
import type { Call } from '../request-context.ts'
import { hostOf, type Services } from '../handler-services.ts'
import { accountName } from './logged-in-person-name.ts'

type Parts = Pick<Services, 'settings' | 'tenants'>

export async function frameView(call: Call, { settings, tenants }: Parts): Promise<FrameView> {
  const { principal, session } = call
  const memberships = session === undefined ? [] : await tenants.membershipsOf(session.user.id)
  return {
    account: session && accountName(principal),
    csrf: session?.csrf ?? '',
    host: hostOf({ settings }),
    query: hrefInTenant(call, ''),
    tenant: principal.tenant.slug,
    tenants: memberships.map(({ tenant: { slug, name } }) => ({ slug, name })),
    mayListSecrets: principal.scopes.has('secrets:read'),
  }
}

export async function settingsView(
  call: Call,
  services: Parts,
): Promise<Omit<SettingsView, 'title' | 'current'>> {
  return { ...(await frameView(call, services)), administrator: isAdministrator(call.principal) }
}

/** The address of a page in the same tenant as this one, with more of a query. */
export function hrefInTenant(call: Call, path: string, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams({ ...tenantParameter(call), ...more })
  return query.size === 0 ? path : `${path}?${query.toString()}`
}

/** Empty in the tenant of the login, which an address need not name. */
function tenantParameter({ principal, session, url }: Call): { tenant?: string } {
  const { slug } = principal.tenant
  const isOwn = session === undefined ? !url.searchParams.has('tenant') : slug === session.user.tenant.slug
  return isOwn ? {} : { tenant: slug }
}

/** The session of a page whose guard is `session`. */
export function sessionOf({ session }: Call): NonNullable<Call['session']> {
  if (!session) throw new Error('a settings page without the session guard')
  return session
}

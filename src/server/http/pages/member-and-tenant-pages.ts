import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { User } from '../../accounts/accounts.ts'
import type { Member } from '../../accounts/tenants.ts'
import { isAdministrator } from '../../rbac/principal.ts'
import { renderMembers, renderTenants } from '../../web/member-and-tenant-templates.ts'
import { HttpError } from '../response.ts'
import { by } from '../api/audit-log.ts'
import type { Call, Handler } from '../call.ts'
import type { Services } from '../services.ts'
import { readFields } from '../guards/session-guard.ts'
import { sessionOf, settingsView } from './session-pages.ts'

/**
 * Tenants and their members, for those who are logged in. `?tenant=` is the session guard's: the principal of
 * the call is already in that tenant, as what it is there.
 */

interface Said {
  notice?: string
  problem?: string
}

/** `GET /settings/tenants` */
export const tenantsPage: Handler = (call, services) => showTenants(call, services)

const tenantForm = v.object({
  slug: v.pipe(v.string(), v.trim()),
  name: v.optional(v.pipe(v.string(), v.maxLength(100)), ''),
})

/** `POST /settings/tenants`: administrators of the default tenant run the server, and may make others. */
export const addTenantSubmit: Handler = async (call, services) => {
  if (!mayAddTenants(call, services)) throw new HttpError(403, 'forbidden', 'this is for administrators')
  const { form, user } = sessionOf(call)
  const asked = readFields(form, tenantForm)
  if (!asked) return showTenants(call, services, { problem: 'That form could not be read.' })
  const said = await attempt(async () => {
    const tenant = await services.tenants.add(asked)
    await services.tenants.setMember({ userId: user.id, tenantId: tenant.id, role: 'admin' })
    services.audit.record({ ...by(call), tenantId: tenant.id, action: 'tenant.add', target: tenant.slug })
    return `Added ${tenant.slug}.`
  })
  return showTenants(call, services, said)
}

/** `GET /settings/members[?tenant=&cursor=]` */
export const membersPage: Handler = (call, services) => showMembers(call, services)

const memberForm = v.object({
  user: v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(254)),
  role: v.picklist(['admin', 'member', 'viewer']),
  do: v.picklist(['add', 'change', 'remove']),
})

/** `POST /settings/members[?tenant=]`: adds a member, changes a role, or ends a membership. */
export const memberSubmit: Handler = async (call, services) => {
  requireAdministrator(call)
  const asked = readFields(sessionOf(call).form, memberForm)
  if (!asked) return showMembers(call, services, { problem: 'That form could not be read.' })
  const { tenants, audit } = services
  const tenantId = call.principal.tenant.id
  const said = await attempt(async () => {
    const user = await findUser(asked.user, call, services)
    const member = { userId: user.id, tenantId }
    const target = `${user.provider}:${user.subject}`
    if (asked.do === 'remove') {
      await tenants.removeMember(member)
      audit.record({ ...by(call), action: 'member.rm', target })
      return `${labelOf(user)} is no longer a member.`
    }
    await tenants.setMember({ ...member, role: asked.role })
    audit.record({ ...by(call), action: 'member.set', target, details: { role: asked.role } })
    return `${labelOf(user)} is ${asked.role} now.`
  })
  return showMembers(call, services, said)
}

async function showTenants(call: Call, services: Services, said: Said = {}): Promise<Response> {
  const memberships = await services.tenants.membershipsOf(sessionOf(call).user.id)
  const page = await renderTenants({
    ...settingsView(call, services),
    ...said,
    tenants: memberships.map(({ tenant, role }) => ({ slug: tenant.slug, name: tenant.name, role })),
    mayAdd: mayAddTenants(call, services),
  })
  return new Response(page.html, { status: said.problem === undefined ? 200 : 400, headers: page.headers })
}

async function showMembers(call: Call, services: Services, said: Said = {}): Promise<Response> {
  requireAdministrator(call)
  const { tenants } = services
  const { user } = sessionOf(call)
  const tenant = await tenants.get(call.principal.tenant.slug)
  const cursor = call.url.searchParams.get('cursor')
  const { items, next } = await tenants.members(tenant.id, {
    limit: 100,
    ...(cursor === null ? {} : { cursor }),
  })
  const query = next === null ? undefined : new URLSearchParams({ tenant: tenant.slug, cursor: next })
  const page = await renderMembers({
    ...settingsView(call, services),
    ...said,
    tenant,
    members: items.map((member) => toRow(member, user.id)),
    nextHref: query === undefined ? undefined : `/settings/members?${query.toString()}`,
  })
  return new Response(page.html, { status: said.problem === undefined ? 200 : 400, headers: page.headers })
}

function toRow(member: Member, self: string) {
  const { userId, provider, role, since } = member
  return { userId, provider, role, since, label: labelOf(member), self: userId === self }
}

/** A row's own user by ID, if a member; anybody else by what names them and cannot be reassigned. */
async function findUser(who: string, call: Call, { accounts, tenants }: Services): Promise<User> {
  const colon = who.indexOf(':')
  const user = who.startsWith('usr_')
    ? await accounts.byId(who)
    : colon > 0
      ? await accounts.bySubject(who.slice(0, colon), who.slice(colon + 1))
      : await accounts.byEmail(who)
  const known =
    user && (!who.startsWith('usr_') || (await tenants.membership(user.id, call.principal.tenant.slug)))
  if (user && known) return user
  throw new Fault('not_found', 'there is no such user')
}

function labelOf(user: { email: string | null; name: string | null }): string {
  return user.email ?? user.name ?? 'somebody without a name'
}

function requireAdministrator({ principal }: Call): void {
  if (!isAdministrator(principal)) throw new HttpError(403, 'forbidden', 'this is for administrators')
}

function mayAddTenants({ principal }: Call, { defaultTenant }: Services): boolean {
  return isAdministrator(principal) && principal.tenant.id === defaultTenant.id
}

/** What was done in words, or the fact that was in the way. */
async function attempt(work: () => Promise<string>): Promise<Said> {
  try {
    return { notice: await work() }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const { message, hint } = error
    const fact = `${message.slice(0, 1).toUpperCase()}${message.slice(1)}`
    // Hints are about the command line, but for those that say what to do first.
    return { problem: hint === undefined || hint.startsWith('fob ') ? `${fact}.` : `${fact}: ${hint}.` }
  }
}

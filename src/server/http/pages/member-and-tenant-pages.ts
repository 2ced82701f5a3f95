/** The pages of tenants and their members. The session guard has chosen the tenant that `?tenant=` names. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Member } from '../../accounts/tenants-and-members.ts'
import { renderMembers, renderTenants } from '../../web/member-and-tenant-templates.ts'
import { by } from '../audit-entry-from-request.ts'
import { isAdmitted, labelOf, removeMember, setMember } from '../list-set-remove-members.ts'
import type { Call, Handler } from '../request-context.ts'
import { parseForm } from '../request/form-body.ts'
import {
  isServerAdministrator,
  requireAdministrator,
  requireServerAdministrator,
} from '../guards/require-permission.ts'
import type { Services } from '../handler-services.ts'
import { pageResponse } from '../response/page-response.ts'
import type { FormResult } from '../../web/form-result.ts'
import { attempt } from './attempt-form.ts'
import { hrefInTenant, sessionOf, settingsView } from './page-frame-view.ts'

/** `GET /settings/tenants` */
export const tenantsPage: Handler = (call, services) => showTenants(call, services)

const tenantForm = v.object({
  slug: v.pipe(v.string(), v.trim()),
  name: v.optional(v.pipe(v.string(), v.maxLength(100)), ''),
})

/** `POST /settings/tenants`: administrators of the server may add tenants. */
export const addTenantSubmit: Handler = async (call, services) => {
  requireServerAdministrator(call.principal, services)
  const { form, user } = sessionOf(call)
  const asked = parseForm(form, tenantForm)
  if (!asked) return showTenants(call, services, { problem: 'That form could not be read.' })
  const result = await attempt(async () => {
    const tenant = await services.tenants.add(asked)
    await services.tenants.setMember({ userId: user.id, tenantId: tenant.id, role: 'admin' })
    services.audit.record({ ...by(call), tenantId: tenant.id, action: 'tenant.add', target: tenant.slug })
    return `Added ${tenant.slug}.`
  })
  return showTenants(call, services, result)
}

/** `GET /settings/members[?tenant=&cursor=]` */
export const membersPage: Handler = (call, services) => showMembers(call, services)

const memberForm = v.object({
  user: v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(320)),
  role: v.optional(v.picklist(['admin', 'member', 'viewer']), 'member'),
  do: v.picklist(['add', 'change', 'remove']),
})

/** `POST /settings/members[?tenant=]`: adds a member, changes a role, or removes a member. */
export const memberSubmit: Handler = async (call, services) => {
  requireAdministrator(call.principal)
  const asked = parseForm(sessionOf(call).form, memberForm)
  if (!asked) return showMembers(call, services, { problem: 'That form could not be read.' })
  const result = await attempt(async () => {
    if (asked.do === 'remove') return removed(asked.user, call, services)
    // The rows of the page name members by ID; another user's ID is nothing that anybody has.
    if (asked.user.startsWith('usr_')) await requireMember(asked.user, call, services)
    return added({ who: asked.user, role: asked.role }, call, services)
  })
  return showMembers(call, services, result)
}

async function added(
  member: Parameters<typeof setMember>[0],
  call: Call,
  services: Services,
): Promise<string> {
  const { response, label } = await setMember(member, call, services)
  if (!response.pending) return `${label} is ${response.role} now.`
  const until = response.expiresAt === null ? '' : ` This counts until ${response.expiresAt.slice(0, 10)}.`
  return `${label} becomes ${response.role} at the first login.${until}`
}

async function removed(who: string, call: Call, services: Services): Promise<string> {
  if (who.startsWith('usr_')) await requireMember(who, call, services)
  const { response, label } = await removeMember(who, call, services)
  if (response.pending) return `${label} will not become a member.`
  return response.account
    ? `${label} is no longer a member. The account belonged to no other tenant, and is gone with its sessions and tokens.`
    : `${label} is no longer a member.`
}

/** @throws Fault `not_found` for anybody who is not a member of this tenant */
async function requireMember(userId: string, call: Call, { tenants }: Services): Promise<void> {
  if (await tenants.membership(userId, call.principal.tenant.slug)) return
  throw new Fault('not_found', 'there is no such member')
}

async function showTenants(call: Call, services: Services, result: FormResult = {}): Promise<Response> {
  const memberships = await services.tenants.membershipsOf(sessionOf(call).user.id)
  const page = await renderTenants({
    ...(await settingsView(call, services)),
    ...result,
    tenants: memberships.map(({ tenant, role }) => ({ slug: tenant.slug, name: tenant.name, role })),
    mayAdd: isServerAdministrator(call.principal, services),
  })
  return pageResponse(page, result.problem === undefined ? 200 : 400)
}

export async function showMembers(
  call: Call,
  services: Services,
  result: FormResult = {},
): Promise<Response> {
  requireAdministrator(call.principal)
  const { tenants } = services
  const { user } = sessionOf(call)
  const tenant = await tenants.get(call.principal.tenant.slug)
  const cursor = call.url.searchParams.get('cursor')
  const { items, next } = await tenants.members(tenant.id, {
    limit: 100,
    ...(cursor === null ? {} : { cursor }),
  })
  const page = await renderMembers({
    ...(await settingsView(call, services)),
    ...result,
    tenantName: tenant.name,
    invitations: services.invitations.list(tenant.id),
    pending: cursor === null ? services.members.pending(tenant.id) : [],
    members: items.map((member) => toRow(member, user.id, isAdmitted(member, tenant, services))),
    nextHref: next === null ? undefined : hrefInTenant(call, '/settings/members', { cursor: next }),
  })
  return pageResponse(page, result.problem === undefined ? 200 : 400)
}

function toRow(member: Member, self: string, admitted: boolean) {
  const { userId, provider, role, since } = member
  return { userId, provider, role, since, label: labelOf(member), self: userId === self, admitted }
}

/** The pages of tenants and their members. The session guard has chosen the tenant that `?tenant=` names. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { User } from '../../accounts/user-types.ts'
import type { Member } from '../../accounts/tenants-and-members.ts'
import { renderMembers, renderTenants } from '../../web/member-and-tenant-templates.ts'
import { by } from '../audit-entry-from-request.ts'
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
  user: v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(254)),
  role: v.picklist(['admin', 'member', 'viewer']),
  do: v.picklist(['add', 'change', 'remove']),
})

/** `POST /settings/members[?tenant=]`: adds a member, changes a role, or removes a member. */
export const memberSubmit: Handler = async (call, services) => {
  requireAdministrator(call.principal)
  const asked = parseForm(sessionOf(call).form, memberForm)
  if (!asked) return showMembers(call, services, { problem: 'That form could not be read.' })
  const { tenants, audit } = services
  const tenantId = call.principal.tenant.id
  const result = await attempt(async () => {
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
  return showMembers(call, services, result)
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

async function showMembers(call: Call, services: Services, result: FormResult = {}): Promise<Response> {
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
    members: items.map((member) => toRow(member, user.id)),
    nextHref: next === null ? undefined : hrefInTenant(call, '/settings/members', { cursor: next }),
  })
  return pageResponse(page, result.problem === undefined ? 200 : 400)
}

function toRow(member: Member, self: string) {
  const { userId, provider, role, since } = member
  return { userId, provider, role, since, label: labelOf(member), self: userId === self }
}

/** The user of a row by ID, if they are a member; any other user by an e-mail or `PROVIDER:SUBJECT`. */
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
  return user.email ?? user.name ?? 'a user without a name'
}

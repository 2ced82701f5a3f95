/** What the API and the pages do with the members of a tenant, with its entry in the audit log. */
import type { MemberResponse, MemberRole } from '../../contract/api/members.ts'
import { instant } from '../../contract/instant-as-text.ts'
import { ALL_SCOPES } from '../../contract/token-scopes.ts'
import type { Tenant, User } from '../accounts/user-types.ts'
import { accountIdOf } from '../accounts/user-types.ts'
import type { PendingMember } from '../accounts/membership/pending-members.ts'
import type { Member } from '../accounts/tenants-and-members.ts'
import { userPrincipal } from '../auth/create-principal.ts'
import { by } from './audit-entry-from-request.ts'
import type { Services } from './handler-services.ts'
import type { Call } from './request-context.ts'

type Parts = Pick<Services, 'members' | 'audit' | 'rbac'>

/** A member that was set or removed: what the API says of them, and how a sentence names them. */
interface Done<T> {
  response: T
  label: string
}

/** @throws Fault `usage` for a name that fits nobody or several, `conflict` for the last administrator's role */
export async function setMember(
  { who, role }: { who: string; role: MemberRole },
  call: Call,
  { members, audit, rbac }: Parts,
): Promise<Done<MemberResponse>> {
  const { tenant } = call.principal
  const set = await members.set({ who, tenantId: tenant.id, role })
  if (set.kind === 'pending') {
    const { pending } = set
    const details = { role, pending: pending.id }
    audit.record({ ...by(call), action: 'member.set', target: pending.name, details })
    return { response: toPendingResponse(pending), label: pending.name }
  }
  const { user, since } = set
  audit.record({ ...by(call), action: 'member.set', target: accountIdOf(user), details: { role } })
  const response = toMemberResponse({ ...user, userId: user.id, role, since }, tenant, { rbac })
  return { response, label: labelOf(user) }
}

/** @throws Fault `not_found`, `usage`, `conflict` for the last administrator and for a local account's only tenant */
export async function removeMember(
  who: string,
  call: Call,
  { members, audit }: Parts,
): Promise<Done<{ id: string; person: string; pending: boolean; account: boolean }>> {
  const removed = await members.remove({ who, tenantId: call.principal.tenant.id })
  if (removed.kind === 'pending') {
    const { id, name } = removed.pending
    audit.record({ ...by(call), action: 'member.rm', target: name, details: { pending: id } })
    return { response: { id, person: name, pending: true, account: false }, label: name }
  }
  const { user } = removed
  const target = accountIdOf(user)
  audit.record({ ...by(call), action: 'member.rm', target })
  const account = removed.kind === 'account'
  if (account) audit.record({ ...by(call), action: 'user.rm', target })
  return {
    response: { id: user.id, person: personOf(user), pending: false, account },
    label: labelOf(user),
  }
}

export function toMemberResponse(
  member: Member,
  tenant: Tenant,
  { rbac }: Pick<Services, 'rbac'>,
): MemberResponse {
  const { userId, email, name, provider, nickName, role, since } = member
  return {
    id: userId,
    person: personOf(member),
    email,
    name,
    provider,
    login: provider === 'local' ? null : nickName,
    role,
    pending: false,
    since: instant(since),
    expiresAt: null,
    admitted: isAdmitted(member, tenant, { rbac }),
  }
}

export function toPendingResponse({ id, name, role, createdAt, expiresAt }: PendingMember): MemberResponse {
  const colon = name.indexOf(':')
  const rest = name.slice(colon + 1)
  const email = rest.includes('@') ? rest : null
  return {
    id,
    person: name,
    email,
    name: null,
    provider: colon < 0 ? null : name.slice(0, colon),
    login: email === null && !/^\d+$/.test(rest) ? rest : null,
    role,
    pending: true,
    since: instant(createdAt),
    expiresAt: expiresAt === null ? null : instant(expiresAt),
    admitted: null,
  }
}

/** Whether the server's rule lets this member in: nobody is one only because they logged in and were refused. */
export function isAdmitted(member: Member, tenant: Tenant, { rbac }: Pick<Services, 'rbac'>): boolean {
  const user: User = { ...member, id: member.userId, tenant, createdAt: member.since }
  return rbac.admits(userPrincipal(user, { scopes: ALL_SCOPES, credential: { kind: 'none', id: null } }))
}

export function labelOf({ email, nickName, name }: Pick<User, 'email' | 'nickName' | 'name'>): string {
  return email ?? nickName ?? name ?? 'a user without a name'
}

/** `alice@example.com`, or `github:octocat`: what finds the person again. */
function personOf(user: Pick<User, 'provider' | 'subject' | 'email' | 'nickName'>): string {
  const isLogin = user.provider === 'github' || user.provider === 'gitlab'
  if (isLogin && user.nickName !== null) return `${user.provider}:${user.nickName}`
  return user.email ?? accountIdOf(user)
}
